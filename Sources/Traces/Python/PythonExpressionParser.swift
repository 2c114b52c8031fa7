/// A recursive-descent parser for Python's expressions, with one function per level that needs its own rule and
/// precedence climbing for the binary operators between them.
struct PythonExpressionParser {
  typealias Node = PythonExpression.Node

  let tokens: [PythonToken]
  var position = 0
  private var depth = 0
  static let depthLimit = 60

  static let keywords: Set<String> = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
  ]

  init(tokens: [PythonToken]) { self.tokens = tokens }

  /// Never past the end mark.
  var token: PythonToken { tokens[min(position, tokens.count - 1)] }

  func fail(_ expected: String) -> PythonSyntaxError {
    let found =
      switch token.kind {
      case .end, .newline: "the end of the expression"
      case .indent, .dedent: "an indented line"
      default: "'\(token.text)'"
      }
    return PythonSyntaxError(line: token.line, reason: "expected \(expected), found \(found)")
  }

  mutating func eat(_ symbol: String) -> Bool {
    guard token.isOperator(symbol) else { return false }
    position += 1
    return true
  }

  mutating func eatWord(_ word: String) -> Bool {
    guard token.isName(word) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ symbol: String) throws(PythonSyntaxError) {
    if !eat(symbol) { throw fail("'\(symbol)'") }
  }

  mutating func enter() throws(PythonSyntaxError) {
    depth += 1
    if depth > Self.depthLimit {
      throw PythonSyntaxError(line: token.line, reason: "nested deeper than \(Self.depthLimit) levels")
    }
  }
  mutating func leave() { depth -= 1 }

  // MARK: from the whole down to operands

  mutating func whole() throws(PythonSyntaxError) -> Node {
    let first = try expression()
    var elements = [first]
    while eat(",") {
      if token.kind == .newline || token.kind == .end { return try end(.tuple(elements)) }
      elements.append(try expression())
    }
    return try end(elements.count == 1 ? first : .tuple(elements))
  }

  private mutating func end(_ node: Node) throws(PythonSyntaxError) -> Node {
    while token.kind == .newline { position += 1 }
    if token.kind != .end { throw fail("the end of the expression") }
    return node
  }

  /// A conditional expression or a lambda.
  mutating func expression() throws(PythonSyntaxError) -> Node {
    try enter()
    defer { leave() }
    if eatWord("lambda") {
      try lambdaParameters()
      try expect(":")
      _ = try expression()
      return .unsupported("a lambda")
    }
    let value = try disjunction()
    guard eatWord("if") else { return value }
    let condition = try disjunction()
    if !eatWord("else") { throw fail("'else'") }
    return .conditional(condition: condition, then: value, otherwise: try expression())
  }

  mutating func disjunction() throws(PythonSyntaxError) -> Node {
    var operands = [try conjunction()]
    while eatWord("or") { operands.append(try conjunction()) }
    return operands.count == 1 ? operands[0] : .logical("or", operands)
  }

  private mutating func conjunction() throws(PythonSyntaxError) -> Node {
    var operands = [try inversion()]
    while eatWord("and") { operands.append(try inversion()) }
    return operands.count == 1 ? operands[0] : .logical("and", operands)
  }

  private mutating func inversion() throws(PythonSyntaxError) -> Node {
    var negations = 0
    while eatWord("not") { negations += 1 }
    var node = try comparison()
    for _ in 0..<negations { node = .unary("not", node) }
    return node
  }

  private mutating func comparison() throws(PythonSyntaxError) -> Node {
    let first = try arithmetic(0)
    var rest: [PythonExpression.Comparison] = []
    while let symbol = comparisonOperator() {
      rest.append(PythonExpression.Comparison(symbol: symbol, operand: try arithmetic(0)))
    }
    return rest.isEmpty ? first : .comparison(first, rest)
  }

  private mutating func comparisonOperator() -> String? {
    if token.kind == .operator, ["==", "!=", "<", "<=", ">", ">="].contains(token.text) {
      defer { position += 1 }
      return token.text
    }
    if eatWord("in") { return "in" }
    if eatWord("is") { return eatWord("not") ? "is not" : "is" }
    if token.isName("not"), position + 1 < tokens.count, tokens[position + 1].isName("in") {
      position += 2
      return "not in"
    }
    return nil
  }

  /// Binding strength of the left-associative binary operators.
  private static let strength: [String: Int] = [
    "|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "@": 6,
  ]

  mutating func arithmetic(_ minimum: Int) throws(PythonSyntaxError) -> Node {
    var left = try factor()
    while token.kind == .operator, let strength = Self.strength[token.text], strength >= minimum {
      let symbol = token.text
      position += 1
      left = .binary(symbol, left, try arithmetic(strength + 1))
    }
    return left
  }

  /// Signs and powers: `-x ** -y` is `-(x ** (-y))`.
  private mutating func factor() throws(PythonSyntaxError) -> Node {
    try enter()
    defer { leave() }
    for sign in ["-", "+", "~"] where eat(sign) { return .unary(sign, try factor()) }
    let isAwaited = eatWord("await")
    var base = try primary()
    if isAwaited { base = .unsupported("await") }
    return eat("**") ? .binary("**", base, try factor()) : base
  }
}
