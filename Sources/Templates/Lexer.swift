/// Cuts a template into tokens, with Jinja's white-space rules as Hugging Face sets them: `trim_blocks` (the newline
/// after a block tag or comment goes) and `lstrip_blocks` (blanks before one that stands first on its line go).
struct Lexer {
  let source: [UInt8]
  var position = 0
  var tokens: [Token] = []
  /// Whether the last thing consumed ended with a newline.
  private var lineStarting = true

  init(_ text: String) {
    // Newlines become \n, and one at the very end goes, as Jinja has it.
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte == 0x0D {
        bytes.append(0x0A)
      } else if byte != 0x0A || previous != 0x0D {
        bytes.append(byte)
      }
      previous = byte
    }
    if bytes.last == 0x0A { bytes.removeLast() }
    source = bytes
  }

  /// Line and column of an offset, counted from 1.
  func place(_ offset: Int) -> (line: Int, column: Int) {
    var line = 1, column = 1
    for byte in source[..<min(offset, source.count)] {
      if byte == 0x0A { (line, column) = (line + 1, 1) } else if byte & 0xC0 != 0x80 { column += 1 }
    }
    return (line, column)
  }

  func error(_ message: String, at offset: Int) -> TemplateError {
    let (line, column) = place(offset)
    return TemplateError(kind: .syntax, line: line, column: column, message: message)
  }

  func byte(_ offset: Int) -> UInt8 { offset < source.count ? source[offset] : 0 }

  mutating func add(_ kind: Token.Kind, at offset: Int) { tokens.append(Token(kind: kind, offset: offset)) }

  /// The end of the white space that begins at `offset`.
  func skipSpace(_ offset: Int) -> Int {
    var i = offset
    while i < source.count {
      if source[i] < 0x80 {
        guard Text.isSpace(Unicode.Scalar(source[i])) else { return i }
        i += 1
      } else {
        let end = min(i + Text.sequenceLength(source[i]), source.count)
        let (scalar, _) = Text(bytes: Array(source[i..<end])).scalar(at: 0)
        guard Text.isSpace(scalar) else { return i }
        i = end
      }
    }
    return i
  }

  func find(_ a: UInt8, _ b: UInt8, from offset: Int) -> Int? {
    var i = offset
    while i + 1 < source.count {
      if source[i] == a, source[i + 1] == b { return i }
      i += 1
    }
    return nil
  }

  mutating func run() throws(TemplateError) -> [Token] {
    while position < source.count {
      var tag = position
      while tag < source.count, !(source[tag] == 0x7B && [0x7B, 0x25, 0x23].contains(byte(tag + 1))) { tag += 1 }
      if tag == source.count {
        addText(position..<tag, sign: 0, strips: false)
        break
      }
      let opener = source[tag + 1]
      let sign = [0x2B, 0x2D].contains(byte(tag + 2)) ? byte(tag + 2) : 0
      addText(position..<tag, sign: sign, strips: opener != 0x7B)
      position = tag + (sign == 0 ? 2 : 3)
      lineStarting = false
      switch opener {
      case 0x23: try skipComment(from: tag)
      case 0x25:
        if try !readRaw(from: tag) {
          add(.blockBegin, at: tag)
          try readTag(from: tag, close: 0x25)
        }
      default:
        add(.outputBegin, at: tag)
        try readTag(from: tag, close: 0x7D)
      }
      lineStarting = source[position - 1] == 0x0A
    }
    add(.end, at: source.count)
    return tokens
  }

  /// Adds the text before a tag, less the white space that the tag takes away.
  private mutating func addText(_ range: Range<Int>, sign: UInt8, strips: Bool) {
    var text = Text(bytes: Array(source[range]))
    if sign == 0x2D {
      text = text.stripped(nil, start: false)
    } else if sign == 0, strips {
      let line = (text.bytes.lastIndex(of: 0x0A) ?? -1) + 1
      if line > 0 || lineStarting, text[line..<text.count].allScalars(Text.isSpace) { text = text[0..<line] }
    }
    if !text.isEmpty { add(.text(text), at: range.lowerBound) }
  }

  /// Goes past the end of a block or comment and the white space that it takes away; `position` is at the closing
  /// pair of bytes, before which stands `sign`.
  mutating func leave(sign: UInt8) {
    position += 2
    if sign == 0x2D {
      position = skipSpace(position)
    } else if sign != 0x2B, byte(position) == 0x0A {
      position += 1
    }
  }

  private mutating func skipComment(from tag: Int) throws(TemplateError) {
    guard let end = find(0x23, 0x7D, from: position) else {
      throw error("the comment that begins here is not closed with '#}'", at: tag)
    }
    let sign = end > position ? source[end - 1] : 0
    position = end
    leave(sign: sign)
  }

  /// The end of `word` after white space at `offset`, or nil when it does not stand there.
  private func matches(_ word: StaticString, _ offset: Int) -> Int? {
    let start = skipSpace(offset), count = word.utf8CodeUnitCount
    guard start + count <= source.count else { return nil }
    for i in 0..<count where source[start + i] != word.utf8Start[i] { return nil }
    return start + count
  }

  /// Reads `{% raw %}…{% endraw %}`; false when something else stands here.
  private mutating func readRaw(from tag: Int) throws(TemplateError) -> Bool {
    guard let word = matches("raw", position) else { return false }
    let close = skipSpace(word)
    let stripsAfter = byte(close) == 0x2D
    let end = stripsAfter ? close + 1 : close
    guard byte(end) == 0x25, byte(end + 1) == 0x7D else { return false }
    position = stripsAfter ? skipSpace(end + 2) : end + 2
    lineStarting = source[position - 1] == 0x0A
    var from = position
    while let candidate = find(0x7B, 0x25, from: from) {
      let sign = [0x2B, 0x2D].contains(byte(candidate + 2)) ? byte(candidate + 2) : 0
      if let word = matches("endraw", candidate + (sign == 0 ? 2 : 3)) {
        var close = skipSpace(word)
        let closeSign = [0x2B, 0x2D].contains(byte(close)) ? byte(close) : 0
        if closeSign != 0 { close += 1 }
        if byte(close) == 0x25, byte(close + 1) == 0x7D {
          addText(position..<candidate, sign: sign, strips: true)
          position = close
          leave(sign: closeSign)
          return true
        }
      }
      from = candidate + 2
    }
    throw error("the raw block that begins here is not closed with 'endraw'", at: tag)
  }
}
