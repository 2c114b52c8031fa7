/// The inside of `{{ … }}` and `{% … %}`.
extension Lexer {
  /// Reads tokens up to and with the end of the tag: `%}` or `}}` as `close` says.
  mutating func readTag(from tag: Int, close: UInt8) throws(TemplateError) {
    var open: [(Symbol, Int)] = []
    while true {
      position = skipSpace(position)
      guard position < source.count else { throw error("the tag that begins here is not closed", at: tag) }
      let here = source[position]
      if open.isEmpty {
        let sign = here == 0x2D || (here == 0x2B && close == 0x25) ? here : 0
        let at = sign == 0 ? position : position + 1
        if byte(at) == close, byte(at + 1) == 0x7D {
          add(close == 0x25 ? .blockEnd : .outputEnd, at: position)
          position = at
          if close == 0x25 {
            leave(sign: sign)
          } else {
            position = sign == 0 ? at + 2 : skipSpace(at + 2)
          }
          return
        }
      }
      switch here {
      case 0x30...0x39: try readNumber()
      case 0x22, 0x27: try readString()
      case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: readName()
      default: try readSymbol(&open)
      }
    }
  }

  private mutating func readName() {
    let start = position
    while position < source.count {
      switch source[position] {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: position += 1
      default:
        add(.name(String(decoding: source[start..<position], as: UTF8.self)), at: start)
        return
      }
    }
    add(.name(String(decoding: source[start..<position], as: UTF8.self)), at: start)
  }

  private mutating func readSymbol(_ open: inout [(Symbol, Int)]) throws(TemplateError) {
    let start = position
    for symbol in Symbol.allCases where symbol.rawValue.utf8.enumerated().allSatisfy({ byte(start + $0) == $1 }) {
      switch symbol {
      case .openBrace, .openBracket, .openParenthesis: open.append((symbol, start))
      case .closeBrace, .closeBracket, .closeParenthesis:
        let expected: Symbol =
          symbol == .closeBrace ? .openBrace : symbol == .closeBracket ? .openBracket : .openParenthesis
        guard let (last, at) = open.popLast() else { throw error("'\(symbol.rawValue)' closes nothing", at: start) }
        if last != expected {
          throw error("'\(symbol.rawValue)' does not close the '\(last.rawValue)' of line \(place(at).line)", at: start)
        }
      default: break
      }
      position += symbol.rawValue.utf8.count
      add(.symbol(symbol), at: start)
      return
    }
    let found = Unicode.Scalar(source[start])
    let shown =
      source[start] > 0x20 && source[start] < 0x7F ? "'\(found)'" : "byte 0x" + String(source[start], radix: 16)
    throw error("expected an expression or the end of the tag, found \(shown)", at: start)
  }

  private mutating func readNumber() throws(TemplateError) {
    let start = position
    func digits(_ offset: Int) -> Int {
      var i = offset
      while (0x30...0x39).contains(byte(i)) || (byte(i) == 0x5F && i > offset && (0x30...0x39).contains(byte(i + 1))) {
        i += 1
      }
      return i
    }
    let whole = digits(start)
    var end = whole
    if byte(end) == 0x2E, digits(end + 1) > end + 1 { end = digits(end + 1) }
    if byte(end) | 0x20 == 0x65 {
      let signed = [0x2B, 0x2D].contains(byte(end + 1)) ? end + 2 : end + 1
      if digits(signed) > signed { end = digits(signed) }
    }
    let afterDot = start > 0 && source[start - 1] == 0x2E
    if end > whole, !afterDot {
      let text = String(decoding: source[start..<end].filter { $0 != 0x5F }, as: UTF8.self)
      guard let value = Double(text) else { throw error("'\(text)' is not a number", at: start) }
      position = end
      add(.float(value), at: start)
      return
    }
    var (radix, from, stop) = (10, start, whole)
    if byte(start) == 0x30, let prefixed = [0x78: 16, 0x6F: 8, 0x62: 2][byte(start + 1) | 0x20] {
      stop = start + 2
      while byte(stop) == 0x5F || Unicode.Scalar(byte(stop)).properties.isASCIIHexDigit { stop += 1 }
      (radix, from) = (prefixed, start + 2)
    }
    let text = String(decoding: source[from..<stop].filter { $0 != 0x5F }, as: UTF8.self)
    let leadingZero = radix == 10 && text.utf8.count > 1 && text.utf8.first == 0x30 && text.utf8.contains { $0 != 0x30 }
    guard !leadingZero, let value = Int(text, radix: radix) else {
      throw error("expected an integer below 2^63 without leading zeros, found \(text.prefix(40))", at: start)
    }
    position = stop
    add(.integer(value), at: start)
  }

  private mutating func readString() throws(TemplateError) {
    let start = position, quote = source[position]
    var bytes: [UInt8] = []
    position += 1
    while position < source.count {
      let byte = source[position]
      position += 1
      if byte == quote {
        add(.string(Text(bytes: bytes)), at: start)
        return
      }
      if byte == 0x5C { try readEscape(into: &bytes) } else { bytes.append(byte) }
    }
    throw error("the string that begins here is not closed", at: start)
  }

  /// Reads what follows a backslash, with the meanings of a Python string.
  private mutating func readEscape(into bytes: inout [UInt8]) throws(TemplateError) {
    let start = position - 1
    guard position < source.count else { throw error("the string ends within an escape", at: start) }
    let byte = source[position]
    position += 1
    func code(_ value: UInt32) throws(TemplateError) {
      guard let scalar = Unicode.Scalar(value) else {
        throw error("the escape names no character: U+" + String(value, radix: 16, uppercase: true), at: start)
      }
      bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
    }
    switch byte {
    case 0x0A: break
    case 0x22, 0x27, 0x5C: bytes.append(byte)
    case 0x61: bytes.append(0x07)
    case 0x62: bytes.append(0x08)
    case 0x66: bytes.append(0x0C)
    case 0x6E: bytes.append(0x0A)
    case 0x72: bytes.append(0x0D)
    case 0x74: bytes.append(0x09)
    case 0x76: bytes.append(0x0B)
    case 0x30...0x37:
      var value = UInt32(byte - 0x30), count = 1
      while count < 3, (0x30...0x37).contains(self.byte(position)) {
        value = value << 3 | UInt32(source[position] - 0x30)
        (position, count) = (position + 1, count + 1)
      }
      try code(value)
    case 0x78, 0x75, 0x55:
      let digits = byte == 0x78 ? 2 : byte == 0x75 ? 4 : 8
      let text = String(decoding: source[position..<min(position + digits, source.count)], as: UTF8.self)
      guard text.utf8.count == digits, text.utf8.first != 0x2B, let value = UInt32(text, radix: 16) else {
        throw error("expected \(digits) hexadecimal digits after the escape", at: start)
      }
      position += digits
      try code(value)
    default: bytes += [0x5C, byte]
    }
  }
}
