/// Python's lexical structure: tokens, line joining, and blocks by indentation (Python reference, chapter 2).
///
///     var tokenizer = PythonTokenizer(text)
///     while try tokenizer.next().kind != .end { … }
///
/// Refuses what Python's own tokenizer refuses: NUL, unclosed brackets and strings, tabs and blanks that contradict each
/// other, a missing or unexpected block, malformed numbers. f-strings are read as plain strings.
struct PythonTokenizer {
  let bytes: [UInt8]
  var position = 0
  var line = 1
  /// Open brackets and the lines they were opened on.
  private var brackets: [(symbol: UInt8, line: Int)] = []
  /// Widths of the open blocks: with tab stops of eight, and with a tab counted as one.
  private var indents: [(column: Int, alternate: Int)] = [(0, 0)]
  private var pendingDedents = 0
  private var atLineStart = true
  /// The last token of the logical line was a colon outside brackets.
  private var blockExpected = false
  private var lineHasTokens = false

  init(_ text: String) { bytes = Array(text.utf8) }

  func fail(_ reason: String, line: Int? = nil) -> PythonSyntaxError {
    PythonSyntaxError(line: line ?? self.line, reason: reason)
  }

  func byte(_ ahead: Int = 0) -> UInt8? { position + ahead < bytes.count ? bytes[position + ahead] : nil }

  mutating func next() throws(PythonSyntaxError) -> PythonToken {
    if pendingDedents > 0 {
      pendingDedents -= 1
      return mark(.dedent)
    }
    while true {
      if atLineStart, brackets.isEmpty, let token = try startLine() { return token }
      try skipBlanks()
      guard let first = byte() else { return try endOfText() }
      guard first == 0x0A || first == 0x0D else {
        let offset = position
        var token = try lexeme(first)
        token.offset = offset
        lineHasTokens = true
        blockExpected = brackets.isEmpty && token.isOperator(":")
        return token
      }
      endPhysicalLine()
      guard brackets.isEmpty else { continue }
      atLineStart = true
      if lineHasTokens {
        lineHasTokens = false
        return PythonToken(kind: .newline, text: "", line: line - 1)
      }
    }
  }

  private func mark(_ kind: PythonToken.Kind) -> PythonToken { PythonToken(kind: kind, text: "", line: line) }

  private mutating func endOfText() throws(PythonSyntaxError) -> PythonToken {
    if let open = brackets.last { throw fail("'\(Self.text(open.symbol))' was never closed", line: open.line) }
    if lineHasTokens {
      lineHasTokens = false
      atLineStart = true
      return mark(.newline)
    }
    if blockExpected { throw fail("expected an indented block") }
    if indents.count > 1 {
      indents.removeLast()
      return mark(.dedent)
    }
    return mark(.end)
  }

  mutating func endPhysicalLine() {
    if byte() == 0x0D, byte(1) == 0x0A { position += 1 }
    position += 1
    line += 1
  }

  /// Measures the indentation of the next line that is neither blank nor a comment.
  private mutating func startLine() throws(PythonSyntaxError) -> PythonToken? {
    while true {
      var column = 0, alternate = 0
      measuring: while let next = byte() {
        switch next {
        case 0x20: (column, alternate) = (column + 1, alternate + 1)
        case 0x09: (column, alternate) = ((column / 8 + 1) * 8, alternate + 1)
        case 0x0C: (column, alternate) = (0, 0)
        default: break measuring
        }
        position += 1
      }
      if byte() == 0x23 { skipComment() }
      guard let next = byte() else { return nil }
      if next == 0x0A || next == 0x0D {
        endPhysicalLine()
        continue
      }
      atLineStart = false
      return try openOrCloseBlocks(column, alternate)
    }
  }

  private mutating func openOrCloseBlocks(_ column: Int, _ alternate: Int) throws(PythonSyntaxError) -> PythonToken? {
    let current = indents[indents.count - 1]
    let wasExpected = blockExpected
    blockExpected = false
    if column == current.column {
      if alternate != current.alternate { throw inconsistent }
      if wasExpected { throw fail("expected an indented block") }
      return nil
    }
    if column > current.column {
      if alternate <= current.alternate { throw inconsistent }
      if !wasExpected { throw fail("unexpected indent") }
      if indents.count >= 100 { throw fail("too many levels of indentation") }
      indents.append((column, alternate))
      return mark(.indent)
    }
    if wasExpected { throw fail("expected an indented block") }
    while let open = indents.last, open.column > column {
      indents.removeLast()
      pendingDedents += 1
    }
    guard let open = indents.last, open.column == column else {
      throw fail("unindent does not match any outer indentation level")
    }
    if open.alternate != alternate { throw inconsistent }
    pendingDedents -= 1
    return mark(.dedent)
  }

  private var inconsistent: PythonSyntaxError { fail("inconsistent use of tabs and spaces in indentation") }

  private mutating func skipComment() {
    while let next = byte(), next != 0x0A, next != 0x0D { position += 1 }
  }

  /// Blanks, comments and joined lines.
  private mutating func skipBlanks() throws(PythonSyntaxError) {
    while let next = byte() {
      switch next {
      case 0x20, 0x09, 0x0C: position += 1
      case 0x23: skipComment()
      case 0x5C:
        guard let after = byte(1), after == 0x0A || after == 0x0D else {
          throw fail("expected a line break after '\\'")
        }
        position += 1
        endPhysicalLine()
        if byte() == nil { throw fail("unexpected end of text after '\\'") }
      default: return
      }
    }
  }

  private mutating func lexeme(_ first: UInt8) throws(PythonSyntaxError) -> PythonToken {
    switch first {
    case 0: throw fail("source code cannot contain null bytes")
    case 0x22, 0x27: return try string(prefix: "")
    case 0x30...0x39: return try number()
    case 0x2E where byte(1).map { (0x30...0x39).contains($0) } ?? false: return try number()
    case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF: return try nameOrString()
    default: return try symbol()
    }
  }

  private mutating func symbol() throws(PythonSyntaxError) -> PythonToken {
    for length in [3, 2, 1] where position + length <= bytes.count {
      let text = String(decoding: bytes[position..<(position + length)], as: UTF8.self)
      guard Self.operators.contains(text) else { continue }
      if length == 1 { try bracket(bytes[position]) }
      position += length
      return PythonToken(kind: .operator, text: text, line: line)
    }
    throw fail("unexpected character '\(Self.text(bytes[position]))'")
  }

  private mutating func bracket(_ symbol: UInt8) throws(PythonSyntaxError) {
    switch symbol {
    case 0x28, 0x5B, 0x7B:
      if brackets.count >= 200 { throw fail("too many nested brackets") }
      brackets.append((symbol, line))
    case 0x29, 0x5D, 0x7D:
      guard let open = brackets.popLast() else { throw fail("unmatched '\(Self.text(symbol))'") }
      let closing: UInt8 = open.symbol == 0x28 ? 0x29 : open.symbol + 2
      if symbol != closing {
        throw fail("'\(Self.text(symbol))' does not match '\(Self.text(open.symbol))' on line \(open.line)")
      }
    default: break
    }
  }

  static func text(_ byte: UInt8) -> String {
    byte > 0x20 && byte < 0x7F ? String(Character(Unicode.Scalar(byte))) : "byte 0x" + String(byte, radix: 16)
  }

  static let operators: Set<String> = [
    "+", "-", "*", "**", "/", "//", "%", "@", "<<", ">>", "&", "|", "^", "~", "<", ">", "<=", ">=", "==", "!=", "(",
    ")", "[", "]", "{", "}", ",", ":", ".", ";", "=", "->", "+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=",
    "^=", ">>=", "<<=", "**=", ":=", "...",
  ]
}
