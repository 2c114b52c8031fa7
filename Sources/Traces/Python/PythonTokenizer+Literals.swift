/// Names, numbers and strings.
extension PythonTokenizer {
  mutating func nameOrString() throws(PythonSyntaxError) -> PythonToken {
    let start = position
    while let next = byte(), Self.isNameByte(next) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if let quote = byte(), quote == 0x22 || quote == 0x27, Self.stringPrefixes.contains(text.lowercased()) {
      return try string(prefix: text.lowercased())
    }
    // ASCII needs no further look; other scripts follow Unicode's identifier rules.
    if text.utf8.contains(where: { $0 >= 0x80 }) {
      for (i, scalar) in text.unicodeScalars.enumerated() where scalar != "_" {
        let allowed = i == 0 ? scalar.properties.isXIDStart : scalar.properties.isXIDContinue
        if !allowed { throw fail("the character U+\(String(scalar.value, radix: 16)) is not allowed in a name") }
      }
    }
    return PythonToken(kind: .name, text: text, line: line)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF: true
    default: false
    }
  }

  private static let stringPrefixes: Set<String> = ["r", "u", "b", "f", "br", "rb", "fr", "rf"]

  /// At the opening quote.
  mutating func string(prefix: String) throws(PythonSyntaxError) -> PythonToken {
    let start = line
    guard let quote = byte() else { throw fail("expected a string") }
    let isTriple = byte(1) == quote && byte(2) == quote
    let first = position + (isTriple ? 3 : 1)
    position = first
    while let next = byte() {
      switch next {
      case 0: throw fail("source code cannot contain null bytes")
      case 0x5C:
        position += 1
        if let escaped = byte(), escaped == 0x0A || escaped == 0x0D { endPhysicalLine() } else { position += 1 }
      case 0x0A, 0x0D:
        if !isTriple { throw fail("unterminated string literal", line: start) }
        endPhysicalLine()
      case quote where !isTriple || (byte(1) == quote && byte(2) == quote):
        let body = bytes[first..<position]
        position += isTriple ? 3 : 1
        if prefix.contains("b"), body.contains(where: { $0 >= 0x80 }) {
          throw fail("bytes can only contain ASCII literal characters", line: start)
        }
        let text = String(decoding: body, as: UTF8.self)
        return PythonToken(kind: .string, text: text, line: start, isBytes: prefix.contains("b"))
      default: position += 1
      }
    }
    throw fail("unterminated \(isTriple ? "triple-quoted " : "")string literal", line: start)
  }

  mutating func number() throws(PythonSyntaxError) -> PythonToken {
    let start = position
    let base: UInt8? = byte() == 0x30 ? byte(1).map { $0 | 0x20 } : nil
    switch base {
    case 0x78: try prefixed { (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) }
    case 0x6F: try prefixed { (0x30...0x37).contains($0) }
    case 0x62: try prefixed { $0 == 0x30 || $0 == 0x31 }
    default: try decimal()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    try checkNumberEnds(text)
    return PythonToken(kind: .number, text: text, line: line)
  }

  private mutating func prefixed(_ isDigit: (UInt8) -> Bool) throws(PythonSyntaxError) {
    position += 2
    if byte() == 0x5F { position += 1 }
    if try digits(isDigit) == 0 { throw fail("expected digits after the number's prefix") }
  }

  /// Digits with single underscores between them.
  private mutating func digits(_ isDigit: (UInt8) -> Bool) throws(PythonSyntaxError) -> Int {
    let start = position
    var last: UInt8 = 0x5F
    while let next = byte(), isDigit(next) || (next == 0x5F && last != 0x5F) {
      last = next
      position += 1
    }
    if position > start, last == 0x5F { throw fail("a number does not end with '_'") }
    return position - start
  }

  private mutating func decimal() throws(PythonSyntaxError) {
    func isDecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    let start = position
    let whole = try digits(isDecimal)
    let integerPart = bytes[start..<position]
    var isInteger = true
    if byte() == 0x2E {
      position += 1
      let fraction = try digits(isDecimal)
      if whole + fraction == 0 { throw fail("expected digits") }
      isInteger = false
    }
    if let exponent = byte(), exponent | 0x20 == 0x65 {
      let sign = byte(1) == 0x2B || byte(1) == 0x2D ? 1 : 0
      if let digit = byte(1 + sign), isDecimal(digit) {
        position += 1 + sign
        _ = try digits(isDecimal)
        isInteger = false
      }
    }
    if let suffix = byte(), suffix | 0x20 == 0x6A {
      position += 1
      isInteger = false
    }
    if isInteger, integerPart.first == 0x30, integerPart.contains(where: { $0 != 0x30 && $0 != 0x5F }) {
      throw fail("leading zeros in decimal integer literals are not permitted")
    }
  }

  /// A name may not follow a number directly, unless it is an operator in words (`1if x else 2`).
  private func checkNumberEnds(_ number: String) throws(PythonSyntaxError) {
    guard let next = byte(), Self.isNameByte(next) else { return }
    var word = ""
    var ahead = 0
    while let next = byte(ahead), (0x61...0x7A).contains(next) {
      word.unicodeScalars.append(Unicode.Scalar(next))
      ahead += 1
    }
    if !["and", "else", "for", "if", "in", "is", "not", "or"].contains(word) {
      throw fail("invalid number: \"\(number)\" is followed by a letter or digit")
    }
  }
}
