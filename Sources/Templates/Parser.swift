/// Makes statements of tokens. The expressions are in `ExpressionParser.swift`.
struct Parser {
  let tokens: [Token]
  let lexer: Lexer
  var index = 0
  /// Open blocks and parentheses around the current token.
  var depth = 0
  /// Open loops around the current token within the current macro.
  private var loops = 0
  /// Special names that the current macro's body uses.
  var namesUsed: Set<String> = []
  /// The first byte of each line, to tell the line of a token quickly.
  private let lineStarts: [Int]

  init(_ source: String) throws(TemplateError) {
    var lexer = Lexer(source)
    tokens = try lexer.run()
    lineStarts = [0] + lexer.source.indices.lazy.filter { [source = lexer.source] in source[$0] == 0x0A }.map { $0 + 1 }
    self.lexer = lexer
  }

  // MARK: tokens

  var current: Token { tokens[index] }
  /// The line of the current token.
  var line: Int {
    var low = 0, high = lineStarts.count
    while low < high {
      let middle = (low + high) / 2
      if lineStarts[middle] <= current.offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func advance() { if index < tokens.count - 1 { index += 1 } }

  func error(_ message: String, at token: Token? = nil) -> TemplateError {
    lexer.error(message, at: (token ?? current).offset)
  }
  func expected(_ what: String) -> TemplateError { error("expected \(what), found \(current.described)") }

  func at(_ kind: Token.Kind) -> Bool { current.kind == kind }
  func at(_ symbol: Symbol) -> Bool { if case .symbol(symbol) = current.kind { true } else { false } }
  func at(name: String) -> Bool { if case .name(name) = current.kind { true } else { false } }

  mutating func eat(_ symbol: Symbol) -> Bool {
    guard at(symbol) else { return false }
    advance()
    return true
  }
  mutating func eat(name: String) -> Bool {
    guard at(name: name) else { return false }
    advance()
    return true
  }
  mutating func expect(_ symbol: Symbol) throws(TemplateError) {
    if !eat(symbol) { throw expected("'\(symbol.rawValue)'") }
  }
  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = current.kind else { throw expected("a name") }
    advance()
    return name
  }
  mutating func expectBlockEnd() throws(TemplateError) {
    guard at(.blockEnd) else { throw expected("'%}'") }
    advance()
  }

  mutating func enter() throws(TemplateError) {
    depth += 1
    if depth > sourceNestingLimit { throw error("nested deeper than \(sourceNestingLimit) levels") }
  }

  // MARK: statements

  mutating func parseTemplate() throws(TemplateError) -> [Statement] {
    try parseBody(until: [], of: "")
  }

  /// Reads statements up to a block tag named in `ends`, which stays the current token (its name).
  mutating func parseBody(until ends: [String], of opener: String) throws(TemplateError) -> [Statement] {
    try enter()
    defer { depth -= 1 }
    let start = index
    var body: [Statement] = []
    while true {
      let line = line
      switch current.kind {
      case .text(let text):
        advance()
        body.append(Statement(.text(text), line: line))
      case .outputBegin:
        advance()
        body.append(Statement(.output(try parseTuple()), line: line))
        guard at(.outputEnd) else { throw expected("'}}'") }
        advance()
      case .blockBegin:
        advance()
        if case .name(let name) = current.kind, ends.contains(name) { return body }
        body.append(Statement(try parseBlock(), line: line))
      default:
        if ends.isEmpty { return body }
        let wanted = ends.map { "'\($0)'" }.joined(separator: " or ")
        throw error("'\(opener)' is not closed: expected \(wanted), found \(current.described)", at: tokens[start])
      }
    }
  }

  /// A body whose one end is `end`, which is consumed with its tag.
  private mutating func parseBody(closing end: String, of opener: String) throws(TemplateError) -> [Statement] {
    let body = try parseBody(until: [end], of: opener)
    advance()
    try expectBlockEnd()
    return body
  }

  private mutating func parseBlock() throws(TemplateError) -> Statement.Kind {
    guard case .name(let name) = current.kind else { throw expected("the name of a statement") }
    let start = current
    advance()
    switch name {
    case "if": return try parseIf()
    case "for": return try parseFor()
    case "set": return try parseSet()
    case "macro":
      let macro = try parseMacro(named: try expectName(), closing: "endmacro")
      return .macro(macro)
    case "call": return try parseCallBlock()
    case "filter":
      let filters = try parseFilters(first: true)
      try expectBlockEnd()
      return .filterBlock(filters, body: try parseBody(closing: "endfilter", of: name))
    case "with": return try parseWith()
    case "generation":
      try expectBlockEnd()
      return .scoped([], body: try parseBody(closing: "endgeneration", of: name))
    case "do":
      let expression = try parseTuple()
      try expectBlockEnd()
      return .evaluate(expression)
    case "break", "continue":
      if loops == 0 { throw error("'\(name)' stands outside a loop", at: start) }
      try expectBlockEnd()
      return name == "break" ? .breakLoop : .continueLoop
    default:
      throw error("expected a statement (for, if, set, macro, call, filter, with …), found '\(name)'", at: start)
    }
  }

  private mutating func parseIf() throws(TemplateError) -> Statement.Kind {
    var branches: [Branch] = []
    var otherwise: [Statement] = []
    while true {
      let condition = try parseTuple(conditional: false)
      try expectBlockEnd()
      branches.append(Branch(condition: condition, body: try parseBody(until: ["elif", "else", "endif"], of: "if")))
      if eat(name: "elif") { continue }
      if eat(name: "else") {
        try expectBlockEnd()
        otherwise = try parseBody(until: ["endif"], of: "if")
      }
      advance()
      try expectBlockEnd()
      return .choice(branches: branches, otherwise: otherwise)
    }
  }

  private mutating func parseFor() throws(TemplateError) -> Statement.Kind {
    let target = try parseTarget(endingAt: "in")
    guard eat(name: "in") else { throw expected("'in'") }
    let items = try parseTuple(conditional: false)
    let condition = eat(name: "if") ? try parseExpression() : nil
    if at(name: "recursive") { throw error("recursive loops are not supported") }
    try expectBlockEnd()
    loops += 1
    let body = try parseBody(until: ["else", "endfor"], of: "for")
    loops -= 1
    var otherwise: [Statement] = []
    if eat(name: "else") {
      try expectBlockEnd()
      otherwise = try parseBody(until: ["endfor"], of: "for")
    }
    advance()
    try expectBlockEnd()
    return .loop(Loop(target: target, items: items, condition: condition, body: body, otherwise: otherwise))
  }

  private mutating func parseSet() throws(TemplateError) -> Statement.Kind {
    let target = try parseTarget()
    if eat(.assign) {
      let value = try parseTuple()
      try expectBlockEnd()
      return .set(target, value)
    }
    let filters = try parseFilters(first: false)
    try expectBlockEnd()
    return .setBlock(target, filters: filters, body: try parseBody(closing: "endset", of: "set"))
  }

  private mutating func parseWith() throws(TemplateError) -> Statement.Kind {
    var bindings: [Binding] = []
    while !at(.blockEnd) {
      if !bindings.isEmpty { try expect(.comma) }
      let target = Target.name(try expectName())
      try expect(.assign)
      bindings.append(Binding(target: target, value: try parseExpression()))
    }
    try expectBlockEnd()
    return .scoped(bindings, body: try parseBody(closing: "endwith", of: "with"))
  }

  private mutating func parseCallBlock() throws(TemplateError) -> Statement.Kind {
    let parameters = at(.openParenthesis) ? try parseParameters() : []
    let start = current
    let call = try parseExpression()
    guard case .call = call.kind else { throw error("expected a call of a macro", at: start) }
    let macro = try parseMacro(named: "caller", parameters: parameters, closing: "endcall")
    return .callBlock(caller: macro, call: call)
  }

  private mutating func parseMacro(
    named name: String, parameters given: [Parameter]? = nil, closing end: String
  ) throws(TemplateError) -> Macro {
    let outer = (namesUsed, loops)
    (namesUsed, loops) = ([], 0)
    let parameters = if let given { given } else { try parseParameters() }
    try expectBlockEnd()
    let body = try parseBody(closing: end, of: end == "endcall" ? "call" : "macro")
    let used = namesUsed
    (namesUsed, loops) = (outer.0.union(used), outer.1)
    return Macro(
      name: name, parameters: parameters, body: body, usesVarargs: used.contains("varargs"),
      usesKwargs: used.contains("kwargs"))
  }

  private mutating func parseParameters() throws(TemplateError) -> [Parameter] {
    var parameters: [Parameter] = []
    try expect(.openParenthesis)
    while !at(.closeParenthesis) {
      if !parameters.isEmpty { try expect(.comma) }
      let name = try expectName()
      if eat(.assign) {
        parameters.append(Parameter(name: name, standard: try parseExpression()))
      } else {
        if parameters.last?.standard != nil { throw error("'\(name)' needs a default: it follows one that has one") }
        parameters.append(Parameter(name: name, standard: nil))
      }
    }
    try expect(.closeParenthesis)
    return parameters
  }

  // MARK: targets

  private mutating func parseTarget(endingAt end: String? = nil) throws(TemplateError) -> Target {
    var targets: [Target] = [], isTuple = false
    while true {
      if isTuple, at(.assign) || at(.closeParenthesis) || end.map(at(name:)) == true { break }
      targets.append(try parseOneTarget())
      if !eat(.comma) { break }
      isTuple = true
    }
    return isTuple ? .tuple(targets) : targets[0]
  }

  private mutating func parseOneTarget() throws(TemplateError) -> Target {
    try enter()
    defer { depth -= 1 }
    if eat(.openParenthesis) {
      let target = try parseTarget()
      try expect(.closeParenthesis)
      return target
    }
    let start = current
    let name = try expectName()
    if ["true", "false", "none", "True", "False", "None"].contains(name) {
      throw error("'\(name)' cannot be assigned to", at: start)
    }
    if eat(.dot) { return .member(name, try expectName()) }
    return .name(name)
  }
}
