/// What the tokens of a Python module tell: that its brackets, strings and blocks are well formed, and the functions that
/// stand at its top level. The grammar of statements is not checked.
struct PythonModule {
  /// Names of plain `def` statements at nesting level 0, outside `if`, `try`, classes and functions.
  let functions: Set<String>

  init(tokenizing text: String) throws(PythonSyntaxError) {
    var tokenizer = PythonTokenizer(text)
    var functions: Set<String> = []
    var depth = 0
    /// The first tokens of the current logical line.
    var head: [PythonToken] = []
    var hasColon = false
    loop: while true {
      let token = try tokenizer.next()
      switch token.kind {
      case .end: break loop
      case .indent: depth += 1
      case .dedent: depth -= 1
      case .newline:
        if head.first?.isName("def") == true {
          guard head.count == 3, head[1].kind == .name, head[2].isOperator("(") || head[2].isOperator("["), hasColon
          else {
            throw PythonSyntaxError(line: head[0].line, reason: "expected 'def name(…):'")
          }
          if depth == 0 { functions.insert(head[1].text) }
        }
        head.removeAll(keepingCapacity: true)
        hasColon = false
      default:
        if head.count < 3 { head.append(token) }
        hasColon = hasColon || token.isOperator(":")
      }
    }
    self.functions = functions
  }

  /// `text` with every use of the name `old`, outside strings and comments, replaced by `new`.
  static func renaming(_ old: String, to new: String, in text: String) throws(PythonSyntaxError) -> String {
    var tokenizer = PythonTokenizer(text)
    var result: [UInt8] = []
    var copied = 0
    while true {
      let token = try tokenizer.next()
      if token.kind == .end { break }
      guard token.isName(old) else { continue }
      result += tokenizer.bytes[copied..<token.offset]
      result += Array(new.utf8)
      copied = token.offset + old.utf8.count
    }
    return String(decoding: result + tokenizer.bytes[copied...], as: UTF8.self)
  }
}
