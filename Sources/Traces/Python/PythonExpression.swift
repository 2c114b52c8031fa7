/// One Python expression, parsed but never executed: the constraints of a definition.
///
///     let constraint = try PythonExpression(parsing: "total_q == qo_indptr[-1].item()")
///
/// The whole grammar of Python 3.10's expressions is accepted, as `ast.parse(text, mode="eval")` does. What the evaluator
/// does not compute (lambdas, comprehensions, …) is parsed and kept as `unsupported`.
public struct PythonExpression: Sendable, Hashable {
  /// The text that was parsed.
  public let text: String
  let root: Node

  /// More tokens than any constraint has; bounds the depth of the tree.
  static let tokenLimit = 500

  indirect enum Node: Sendable, Hashable {
    case name(String)
    case int(Int)
    case float(Double)
    case bool(Bool)
    case none
    case string(String)
    case tuple([Node])
    case list([Node])
    case unary(String, Node)
    case binary(String, Node, Node)
    /// `a < b <= c`: the first operand, then operators with their right operands.
    case comparison(Node, [Comparison])
    /// `and` or `or`.
    case logical(String, [Node])
    /// `then if condition else otherwise`.
    case conditional(condition: Node, then: Node, otherwise: Node)
    case attribute(Node, String)
    case item(Node, Node)
    case slice(Node, lower: Node?, upper: Node?, step: Node?)
    /// Positional arguments only; a call with others is `unsupported`.
    case call(Node, [Node])
    /// Valid Python that is not evaluated; what it is, for the message.
    case unsupported(String)
  }

  struct Comparison: Sendable, Hashable {
    var symbol: String
    var operand: Node
  }

  public init(parsing text: String) throws(PythonSyntaxError) {
    self.text = text
    if let first = text.utf8.first, first == 0x20 || first == 0x09 {
      throw PythonSyntaxError(line: 1, reason: "unexpected indent")
    }
    var parser = PythonExpressionParser(tokens: try Self.tokens(of: text))
    root = try parser.whole()
  }

  private static func tokens(of text: String) throws(PythonSyntaxError) -> [PythonToken] {
    var tokenizer = PythonTokenizer(text)
    var tokens: [PythonToken] = []
    while true {
      let token = try tokenizer.next()
      tokens.append(token)
      if token.kind == .end { return tokens }
      if tokens.count > tokenLimit {
        throw PythonSyntaxError(line: token.line, reason: "an expression has at most \(tokenLimit) tokens here")
      }
    }
  }
}
