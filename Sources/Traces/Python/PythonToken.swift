/// One token of Python source.
struct PythonToken: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    /// An identifier or keyword.
    case name
    case number
    case string
    case `operator`
    /// The end of a logical line.
    case newline
    case indent, dedent
    case end
  }
  var kind: Kind
  /// The characters of the token; empty for line and block marks.
  var text: String
  var line: Int
  /// Whether a string has the prefix `b`.
  var isBytes = false
  /// Where the token begins in the UTF-8 text.
  var offset = 0

  func isOperator(_ symbol: String) -> Bool { kind == .operator && text == symbol }
  func isName(_ word: String) -> Bool { kind == .name && text == word }
}
