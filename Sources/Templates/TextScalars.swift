/// The code points of a text, which is how Python counts, slices and compares strings.
extension Text {
  /// The length in bytes of the UTF-8 sequence that `first` begins.
  static func sequenceLength(_ first: UInt8) -> Int { first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

  /// The number of code points.
  var scalarCount: Int { bytes.reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) } }

  /// The code point that begins at a byte, and where it ends.
  func scalar(at position: Int) -> (Unicode.Scalar, end: Int) {
    let first = bytes[position]
    if first < 0x80 { return (Unicode.Scalar(first), position + 1) }
    let end = min(position + Self.sequenceLength(first), count)
    var value = UInt32(first) & (end - position == 2 ? 0x1F : end - position == 3 ? 0x0F : 0x07)
    for byte in bytes[position + 1..<end] { value = value << 6 | UInt32(byte & 0x3F) }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", end)
  }

  /// The code point that ends before a byte, and where it begins.
  func scalar(before position: Int) -> (Unicode.Scalar, start: Int) {
    var start = position - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return (scalar(at: start).0, start)
  }

  /// Where each code point begins, and the end of the text.
  var boundaries: [Int] {
    var result: [Int] = []
    result.reserveCapacity(count + 1)
    for (i, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 { result.append(i) }
    result.append(count)
    return result
  }

  /// Each code point as a text of its own.
  var scalars: [Text] {
    let at = boundaries
    return (0..<at.count - 1).map { self[at[$0]..<at[$0 + 1]] }
  }

  /// Replaces each code point; what comes of a literal one is literal.
  func mapScalars(_ transform: (Unicode.Scalar) -> String.UTF8View?) -> Text {
    var result = Text()
    var position = 0
    while position < count {
      let (scalar, end) = scalar(at: position)
      if let replacement = transform(scalar) {
        result.append(replacement, literal: isLiteral(at: position))
      } else {
        result.append(self, position..<end)
      }
      position = end
    }
    return result
  }

  func uppercased() -> Text {
    mapScalars { Self.isLowerASCII($0) || !$0.isASCII ? $0.properties.uppercaseMapping.utf8 : nil }
  }
  func lowercased() -> Text {
    mapScalars { Self.isUpperASCII($0) || !$0.isASCII ? $0.properties.lowercaseMapping.utf8 : nil }
  }

  private static func isLowerASCII(_ scalar: Unicode.Scalar) -> Bool { (0x61...0x7A).contains(scalar.value) }
  private static func isUpperASCII(_ scalar: Unicode.Scalar) -> Bool { (0x41...0x5A).contains(scalar.value) }

  /// Title case at the code points for which `startsWord` holds, lower case elsewhere.
  func titlecased(startsWord: (_ previous: Unicode.Scalar?) -> Bool) -> Text {
    var previous: Unicode.Scalar?
    return mapScalars { scalar in
      defer { previous = scalar }
      return (startsWord(previous) ? scalar.properties.titlecaseMapping : scalar.properties.lowercaseMapping).utf8
    }
  }

  func capitalized() -> Text { titlecased { $0 == nil } }

  /// Python's `str.title()`: a word begins after anything that is not a letter with case.
  func titleMethod() -> Text { titlecased { $0.map { !$0.properties.isCased } ?? true } }

  /// Jinja's `title` filter: a word begins after white space, `-`, `(`, `{`, `[` or `<`.
  func titleFilter() -> Text {
    titlecased { $0.map { Text.isSpace($0) || "-({[<".unicodeScalars.contains($0) } ?? true }
  }

  /// Whether Python's `str.isspace()` holds.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// Whether there is a letter with case and all such letters satisfy `condition`.
  func allCased(_ condition: (Unicode.Scalar.Properties) -> Bool) -> Bool {
    var any = false, position = 0
    while position < count {
      let (scalar, end) = scalar(at: position)
      if scalar.properties.isCased {
        if !condition(scalar.properties) { return false }
        any = true
      }
      position = end
    }
    return any
  }

  /// Whether the text is not empty and every code point satisfies `condition`.
  func allScalars(_ condition: (Unicode.Scalar) -> Bool) -> Bool {
    var position = 0
    while position < count {
      let (scalar, end) = scalar(at: position)
      if !condition(scalar) { return false }
      position = end
    }
    return count > 0
  }
}
