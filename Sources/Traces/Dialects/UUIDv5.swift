/// Name-based UUIDs (RFC 9562, version 5): the same content has the same name everywhere.
package enum UUIDv5 {
  /// A namespace of this package's own.
  private static let namespace: [UInt8] = [
    0x8F, 0x1E, 0x5D, 0x0A, 0x3C, 0x77, 0x4B, 0x69, 0x9A, 0x42, 0x5E, 0x0C, 0x7B, 0x16, 0xD3, 0x21,
  ]

  package static func text(of content: String) -> String { text(of: Array(content.utf8)) }

  package static func text(of content: [UInt8]) -> String { text(of: content, in: namespace) }

  static func text(of content: String, in namespace: [UInt8]) -> String { text(of: Array(content.utf8), in: namespace) }

  static func text(of content: [UInt8], in namespace: [UInt8]) -> String {
    var sha = SHA1()
    sha.update(namespace)
    sha.update(content)
    var digits = Array(sha.hexDigest().prefix(32))
    digits[12] = "5"
    // The variant takes the two highest bits of this digit.
    let variant = 8 | ((digits[16].hexDigitValue ?? 0) & 3)
    digits[16] = Character(String(variant, radix: 16))
    var text = ""
    for (i, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(i) { text.append("-") }
      text.append(digit)
    }
    return text
  }
}
