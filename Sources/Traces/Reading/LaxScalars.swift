import JSONText

/// Numbers and booleans as FlashInfer-Bench reads them: also from strings and from each other.
extension DocumentReader {
  /// `4`, `4.0`, `4e0`, `true`, `"4"`, `" 4 "`, `"4.0"`, `"04"`, `"+4"`, `"4_0"`; within 64 bits.
  mutating func integer(_ value: JSONValue, atLeast minimum: Int? = nil) -> Int? {
    let result: Int?
    switch value {
    case .number(let number): result = integer(number)
    case .bool(let bool): result = bool ? 1 : 0
    case .string(let string):
      result =
        LaxText.integer(string) ?? fail(.intParsing, "expected an integer below 2^63, found the string \"\(string)\"")
    default: result = fail(.intType, "expected an integer, found \(value.kind)")
    }
    guard let result else { return nil }
    if let minimum, result < minimum { return fail(.greaterThanEqual, "expected at least \(minimum), found \(result)") }
    return result
  }

  private mutating func integer(_ number: JSONNumber) -> Int? {
    if let int = number.int { return int }
    if number.isIntegerLiteral { return fail(.intParsingSize, "expected an integer below 2^63, found \(number.text)") }
    let double = number.double
    if !double.isFinite { return fail(.finiteNumber, "expected an integer, found \(number.text)") }
    if double.rounded(.towardZero) != double {
      return fail(.intFromFloat, "expected an integer, found the fraction \(number.text)")
    }
    return Int(exactly: double) ?? fail(.intParsingSize, "expected an integer below 2^63, found \(number.text)")
  }

  /// A number, or a string that holds one (`"NaN"`, `"Infinity"` and `"inf"` included).
  mutating func double(_ value: JSONValue) -> Double? {
    switch value {
    case .number(let number): number.double
    case .bool(let bool): bool ? 1 : 0
    case .string(let string):
      LaxText.double(string) ?? fail(.floatParsing, "expected a number, found the string \"\(string)\"")
    default: fail(.floatType, "expected a number, found \(value.kind)")
    }
  }

  /// `true`, `false`, `0`, `1` and the usual words in any case.
  mutating func boolean(_ value: JSONValue) -> Bool? {
    switch value {
    case .bool(let bool): return bool
    case .number(let number):
      switch number.double {
      case 0: return false
      case 1: return true
      default: return fail(.boolParsing, "expected true or false, found \(number.text)")
      }
    case .string(let string):
      return LaxText.boolean(string) ?? fail(.boolParsing, "expected true or false, found the string \"\(string)\"")
    default: return fail(.boolType, "expected true or false, found \(value.kind)")
    }
  }
}

extension JSONNumber {
  /// Whether the literal has neither fraction nor exponent: a JSON integer, however large.
  var isIntegerLiteral: Bool { text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2D } }
}

/// Scalars written as text.
enum LaxText {
  static func trimmed(_ text: String) -> Substring.UTF8View {
    var rest = text[...].utf8
    func blank(_ byte: UInt8?) -> Bool { byte.map { $0 == 0x20 || (0x09...0x0D).contains($0) } ?? false }
    while blank(rest.first) { rest.removeFirst() }
    while blank(rest.last) { rest.removeLast() }
    return rest
  }

  /// Digits with an optional sign, single underscores between digits, and an optional fraction of zeros.
  static func integer(_ text: String) -> Int? {
    var rest = trimmed(text)
    var digits = ""
    if let sign = rest.first, sign == 0x2B || sign == 0x2D {
      digits = sign == 0x2D ? "-" : ""
      rest.removeFirst()
    }
    var afterDigit = false
    while let byte = rest.first, byte != 0x2E {
      switch byte {
      case 0x30...0x39:
        digits.unicodeScalars.append(Unicode.Scalar(byte))
        afterDigit = true
      case 0x5F where afterDigit: afterDigit = false
      default: return nil
      }
      rest.removeFirst()
    }
    guard afterDigit else { return nil }
    if rest.first == 0x2E {
      guard rest.count > 1, rest.dropFirst().allSatisfy({ $0 == 0x30 }) else { return nil }
    }
    return Int(digits)
  }

  static func double(_ text: String) -> Double? {
    let rest = trimmed(text)
    guard let lowered = String(rest)?.lowercased() else { return nil }
    switch lowered {
    case "nan", "+nan", "-nan": return .nan
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    default:
      guard let digits = withoutSeparators(lowered) else { return nil }
      return Double(digits)
    }
  }

  /// The characters of a decimal number, without the underscores that stand between two digits; nil for any other.
  private static func withoutSeparators(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    func isDigit(_ at: Int) -> Bool { bytes.indices.contains(at) && (0x30...0x39).contains(bytes[at]) }
    var result: [UInt8] = []
    for (i, byte) in bytes.enumerated() {
      switch byte {
      case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x65: result.append(byte)
      case 0x5F where isDigit(i - 1) && isDigit(i + 1): continue
      default: return nil
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  static func boolean(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "t", "yes", "y", "on", "1": true
    case "false", "f", "no", "n", "off", "0": false
    default: nil
    }
  }
}
