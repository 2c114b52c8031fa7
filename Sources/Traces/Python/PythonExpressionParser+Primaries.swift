/// Atoms, calls, subscripts and displays.
extension PythonExpressionParser {
  mutating func primary() throws(PythonSyntaxError) -> Node {
    var node = try atom()
    while true {
      if eat(".") {
        guard token.kind == .name, !Self.keywords.contains(token.text) else { throw fail("an attribute's name") }
        node = .attribute(node, token.text)
        position += 1
      } else if eat("(") {
        node = try call(node)
      } else if eat("[") {
        node = try subscripted(node)
      } else {
        return node
      }
    }
  }

  private mutating func atom() throws(PythonSyntaxError) -> Node {
    let first = token
    switch first.kind {
    case .number:
      position += 1
      return Self.number(first.text)
    case .string:
      var text = ""
      while token.kind == .string {
        if token.isBytes != first.isBytes {
          throw PythonSyntaxError(line: token.line, reason: "cannot mix bytes and nonbytes literals")
        }
        text += token.text
        position += 1
      }
      // Prefixes and escapes are gone or raw here: only plain text means what it says.
      if first.isBytes { return .unsupported("a bytes literal") }
      return text.contains("\\") ? .unsupported("a string with escapes") : .string(text)
    case .name:
      switch first.text {
      case "True", "False":
        position += 1
        return .bool(first.text == "True")
      case "None":
        position += 1
        return .none
      case let word where Self.keywords.contains(word): throw fail("an operand")
      default:
        position += 1
        return .name(first.text)
      }
    case .operator:
      if eat("...") { return .unsupported("an ellipsis") }
      if eat("(") { return try parenthesised() }
      if eat("[") { return try listDisplay() }
      if eat("{") { return try braces() }
      throw fail("an operand")
    default: throw fail("an operand")
    }
  }

  private static func number(_ literal: String) -> Node {
    let digits = literal.filter { $0 != "_" }.lowercased()
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
      return Int(digits.dropFirst(2), radix: radix).map { .int($0) } ?? .unsupported("an integer beyond 64 bits")
    }
    if digits.hasSuffix("j") { return .unsupported("an imaginary number") }
    if digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      return Int(digits).map { .int($0) } ?? .unsupported("an integer beyond 64 bits")
    }
    // Swift wants digits on both sides of the point.
    var padded = digits.hasPrefix(".") ? "0" + digits : digits
    padded = padded.replacing(".e", with: ".0e")
    if padded.hasSuffix(".") { padded += "0" }
    return Double(padded).map { .float($0) } ?? .unsupported("the number \(literal)")
  }

  /// An element of a display or tuple: `*x`, `x := y` or an expression.
  private mutating func element() throws(PythonSyntaxError) -> Node {
    if eat("*") {
      _ = try arithmetic(1)
      return .unsupported("unpacking")
    }
    return try namedExpression()
  }

  mutating func namedExpression() throws(PythonSyntaxError) -> Node {
    if token.kind == .name, !Self.keywords.contains(token.text), position + 1 < tokens.count,
      tokens[position + 1].isOperator(":=")
    {
      position += 2
      _ = try expression()
      return .unsupported("an assignment")
    }
    return try expression()
  }

  private mutating func parenthesised() throws(PythonSyntaxError) -> Node {
    if eat(")") { return .tuple([]) }
    if eatWord("yield") {
      if eatWord("from") {
        _ = try expression()
      } else if !token.isOperator(")") {
        _ = try elements(until: ")")
      }
      try expect(")")
      return .unsupported("yield")
    }
    let isStarred = token.isOperator("*")
    let first = try element()
    if try comprehension() {
      try expect(")")
      return .unsupported("a generator")
    }
    if eat(")") {
      if isStarred { throw PythonSyntaxError(line: token.line, reason: "cannot use starred expression here") }
      return first
    }
    try expect(",")
    let rest = try elements(until: ")")
    try expect(")")
    return .tuple([first] + rest)
  }

  /// Elements separated by commas, with an optional last comma; the closing bracket is left.
  private mutating func elements(until closing: String) throws(PythonSyntaxError) -> [Node] {
    var elements: [Node] = []
    while !token.isOperator(closing) {
      elements.append(try element())
      if !eat(",") { break }
    }
    return elements
  }

  private mutating func listDisplay() throws(PythonSyntaxError) -> Node {
    if eat("]") { return .list([]) }
    let first = try element()
    if try comprehension() {
      try expect("]")
      return .unsupported("a list comprehension")
    }
    let rest = eat(",") ? try elements(until: "]") : []
    try expect("]")
    return .list([first] + rest)
  }

  private mutating func braces() throws(PythonSyntaxError) -> Node {
    var isDictionary: Bool?
    while !token.isOperator("}") {
      if eat("**") {
        _ = try arithmetic(1)
        if isDictionary == false { throw fail("an element of a set") }
        isDictionary = true
      } else {
        let isStarred = token.isOperator("*")
        _ = try element()
        let hasValue = !isStarred && eat(":")
        if let isDictionary, isDictionary != hasValue { throw fail(isDictionary ? "':'" : "',' or '}'") }
        if hasValue { _ = try expression() }
        isDictionary = hasValue
        if try comprehension() { break }
      }
      if !eat(",") { break }
    }
    try expect("}")
    return .unsupported(isDictionary ?? true ? "a dictionary" : "a set")
  }

  /// After the opening parenthesis.
  private mutating func call(_ callee: Node) throws(PythonSyntaxError) -> Node {
    var arguments: [Node] = []
    var isPlain = true
    var sawKeyword = false
    while !token.isOperator(")") {
      if eat("**") {
        _ = try expression()
        (isPlain, sawKeyword) = (false, true)
      } else if eat("*") {
        _ = try expression()
        isPlain = false
      } else if token.kind == .name, !Self.keywords.contains(token.text), position + 1 < tokens.count,
        tokens[position + 1].isOperator("=")
      {
        position += 2
        _ = try expression()
        (isPlain, sawKeyword) = (false, true)
      } else {
        let argument = try namedExpression()
        if sawKeyword { throw fail("a keyword argument: positional arguments come first") }
        if try comprehension() {
          if !arguments.isEmpty || !token.isOperator(")") { throw fail("parentheses around a generator") }
          isPlain = false
        }
        arguments.append(argument)
      }
      if !eat(",") { break }
    }
    try expect(")")
    return isPlain ? .call(callee, arguments) : .unsupported("a call with named or unpacked arguments")
  }

  /// After the opening bracket.
  private mutating func subscripted(_ base: Node) throws(PythonSyntaxError) -> Node {
    if token.isOperator("]") { throw fail("an index") }
    var indices: [Node] = []
    var isTuple = false
    repeat {
      if token.isOperator("]") {
        isTuple = true
        break
      }
      indices.append(try index(base))
      isTuple = isTuple || indices.count > 1
    } while eat(",")
    try expect("]")
    guard let only = indices.first, !isTuple else {
      let hasSlice = indices.contains { if case .slice = $0 { true } else { false } }
      return hasSlice ? .unsupported("a slice over several dimensions") : .item(base, .tuple(indices))
    }
    if case .slice = only { return only }
    return .item(base, only)
  }

  /// An index, or a whole slice of `base`.
  private mutating func index(_ base: Node) throws(PythonSyntaxError) -> Node {
    let isStarred = token.isOperator("*")
    let lower = token.isOperator(":") ? nil : try element()
    if isStarred { return .unsupported("unpacking") }
    guard eat(":") else { return lower ?? .none }
    func ends(_ parser: PythonExpressionParser) -> Bool {
      parser.token.isOperator("]") || parser.token.isOperator(",") || parser.token.isOperator(":")
    }
    let upper = ends(self) ? nil : try expression()
    let step = eat(":") && !ends(self) ? try expression() : nil
    return .slice(base, lower: lower, upper: upper, step: step)
  }
}
