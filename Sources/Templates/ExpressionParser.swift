/// Expressions, from the loosest operator to the tightest.
extension Parser {
  func make(_ kind: Expression.Kind, line: Int) throws(TemplateError) -> Expression {
    let expression = Expression(kind, line: line)
    if expression.depth > sourceNestingLimit {
      throw error("an expression is nested deeper than \(sourceNestingLimit) levels")
    }
    return expression
  }

  /// One expression, or several separated by commas, which make a tuple.
  mutating func parseTuple(conditional: Bool = true, allowsEmpty: Bool = false) throws(TemplateError) -> Expression {
    let line = line
    var elements: [Expression] = [], isTuple = false
    while true {
      if at(.closeParenthesis) || at(.blockEnd) || at(.outputEnd) { break }
      elements.append(try parseExpression(conditional: conditional))
      if !eat(.comma) { break }
      isTuple = true
    }
    if !isTuple, let only = elements.first { return only }
    if elements.isEmpty, !allowsEmpty { throw expected("an expression") }
    return try make(.tuple(elements), line: line)
  }

  /// `a if condition else b` and everything that binds tighter.
  mutating func parseExpression(conditional: Bool = true) throws(TemplateError) -> Expression {
    try enter()
    defer { depth -= 1 }
    let line = line
    var result = try parseOperation()
    while conditional, eat(name: "if") {
      let condition = try parseOperation()
      let otherwise = eat(name: "else") ? try parseExpression() : nil
      result = try make(.conditional(condition: condition, then: result, otherwise: otherwise), line: line)
    }
    return result
  }

  mutating func parseUnary() throws(TemplateError) -> Expression {
    let line = line
    var signs: [Symbol] = []
    while case .symbol(let symbol) = current.kind, symbol == .plus || symbol == .minus {
      advance()
      signs.append(symbol)
      if signs.count > sourceNestingLimit { throw error("more than \(sourceNestingLimit) signs in a row") }
    }
    var result = try parsePostfix(try parsePrimary())
    for sign in signs.reversed() {
      result = try make(sign == .minus ? .negative(result) : .positive(result), line: line)
    }
    return try parseFilterChain(result)
  }

  // MARK: what follows a value

  private mutating func parsePostfix(_ value: Expression) throws(TemplateError) -> Expression {
    var result = value
    while true {
      let line = line
      if eat(.dot) {
        switch current.kind {
        case .name(let name): result = try make(.member(result, name), line: line)
        case .integer(let index):
          result = try make(.item(result, Expression(.constant(.int(index)), line: line)), line: line)
        default: throw expected("a name after '.'")
        }
        advance()
      } else if eat(.openBracket) {
        result = try parseSubscript(of: result, line: line)
      } else if at(.openParenthesis) {
        result = try make(.call(result, try parseArguments()), line: line)
      } else {
        return result
      }
    }
  }

  private mutating func parseFilterChain(_ value: Expression) throws(TemplateError) -> Expression {
    var result = value
    while true {
      let line = line
      if at(.pipe) {
        advance()
        result = try make(.filter(result, try parseInvocation(line: line)), line: line)
      } else if eat(name: "is") {
        result = try parseTest(of: result, line: line)
      } else if at(.openParenthesis) {
        result = try make(.call(result, try parseArguments()), line: line)
      } else {
        return result
      }
    }
  }

  private mutating func parseInvocation(line: Int) throws(TemplateError) -> Invocation {
    let name = try expectName()
    let arguments = at(.openParenthesis) ? try parseArguments() : CallArguments()
    return Invocation(name: name, arguments: arguments, line: line)
  }

  /// `name(…) | name …` of a filter block (`first`), or `| name …` of a block set.
  mutating func parseFilters(first: Bool) throws(TemplateError) -> [Invocation] {
    var filters: [Invocation] = []
    while (first && filters.isEmpty) || eat(.pipe) { filters.append(try parseInvocation(line: line)) }
    return filters
  }

  private mutating func parseTest(of value: Expression, line: Int) throws(TemplateError) -> Expression {
    let negated = eat(name: "not")
    let name = try expectName()
    var arguments = CallArguments()
    switch current.kind {
    case .symbol(.openParenthesis): arguments = try parseArguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw error("tests with 'is' cannot be chained; use parentheses or 'and'")
    case .name("if"), .name("in"), .name("not"): break
    case .name, .string, .integer, .float, .symbol(.openBracket), .symbol(.openBrace):
      arguments.positional = [try parsePostfix(try parsePrimary())]
    default: break
    }
    return try make(
      .test(value, Invocation(name: name, arguments: arguments, line: line), negated: negated), line: line)
  }

  private mutating func parseSubscript(of value: Expression, line: Int) throws(TemplateError) -> Expression {
    var parts: [Expression?] = [nil], isSlice = false
    var elements: [Expression] = [], isTuple = false
    while !at(.closeBracket) {
      if eat(.colon) {
        isSlice = true
        parts.append(nil)
        if parts.count > 3 { throw error("a slice has at most three parts") }
      } else if !isSlice, parts[0] != nil, eat(.comma) {
        isTuple = true
        elements.append(parts[0]!)
        parts[0] = nil
      } else {
        if parts[parts.count - 1] != nil { throw expected("']'") }
        parts[parts.count - 1] = try parseExpression()
      }
    }
    try expect(.closeBracket)
    if isSlice {
      if isTuple { throw error("a slice has one dimension") }
      return try make(
        .slice(value, from: parts[0], to: parts[1], by: parts.count > 2 ? parts[2] : nil), line: line)
    }
    if let last = parts[0] { elements.append(last) }
    if isTuple { return try make(.item(value, try make(.tuple(elements), line: line)), line: line) }
    guard let only = elements.first else { throw error("expected a key or an index between '[' and ']'") }
    return try make(.item(value, only), line: line)
  }

  mutating func parseArguments() throws(TemplateError) -> CallArguments {
    var arguments = CallArguments(), first = true
    try expect(.openParenthesis)
    while !at(.closeParenthesis) {
      if !first {
        try expect(.comma)
        if at(.closeParenthesis) { break }
      }
      first = false
      if eat(.star) {
        if arguments.list != nil || arguments.dictionary != nil { throw error("only one '*' argument, before '**'") }
        arguments.list = try parseExpression()
      } else if eat(.power) {
        if arguments.dictionary != nil { throw error("only one '**' argument") }
        arguments.dictionary = try parseExpression()
      } else if case .name(let name) = current.kind, index + 1 < tokens.count,
        case .symbol(.assign) = tokens[index + 1].kind
      {
        if arguments.dictionary != nil { throw error("'\(name)' must stand before '**'") }
        advance()
        advance()
        arguments.named.append((name, try parseExpression()))
      } else {
        if !arguments.named.isEmpty || arguments.list != nil || arguments.dictionary != nil {
          throw error("a positional argument must stand before the named ones")
        }
        arguments.positional.append(try parseExpression())
      }
    }
    try expect(.closeParenthesis)
    return arguments
  }

  // MARK: values

  private mutating func parsePrimary() throws(TemplateError) -> Expression {
    let line = line
    switch current.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return try make(.constant(.bool(true)), line: line)
      case "false", "False": return try make(.constant(.bool(false)), line: line)
      case "none", "None": return try make(.constant(.none), line: line)
      case "varargs", "kwargs": namesUsed.insert(name)
      default: break
      }
      return try make(.name(name), line: line)
    case .string(var text):
      advance()
      while case .string(let more) = current.kind {
        text.append(more)
        advance()
      }
      return try make(.constant(.string(text)), line: line)
    case .integer(let value):
      advance()
      return try make(.constant(.int(value)), line: line)
    case .float(let value):
      advance()
      return try make(.constant(.float(value)), line: line)
    case .symbol(.openParenthesis):
      advance()
      let value = try parseTuple(allowsEmpty: true)
      try expect(.closeParenthesis)
      return value
    case .symbol(.openBracket): return try parseList()
    case .symbol(.openBrace): return try parseDictionary()
    default: throw expected("an expression")
    }
  }

  private mutating func parseList() throws(TemplateError) -> Expression {
    let line = line
    advance()
    var elements: [Expression] = []
    while !at(.closeBracket) {
      if !elements.isEmpty {
        try expect(.comma)
        if at(.closeBracket) { break }
      }
      elements.append(try parseExpression())
    }
    try expect(.closeBracket)
    return try make(.list(elements), line: line)
  }

  private mutating func parseDictionary() throws(TemplateError) -> Expression {
    let line = line
    advance()
    var pairs: [(key: Expression, value: Expression)] = []
    while !at(.closeBrace) {
      if !pairs.isEmpty {
        try expect(.comma)
        if at(.closeBrace) { break }
      }
      let key = try parseExpression()
      try expect(.colon)
      pairs.append((key, try parseExpression()))
    }
    try expect(.closeBrace)
    return try make(.dictionary(pairs), line: line)
  }
}
