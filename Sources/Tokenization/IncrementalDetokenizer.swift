/// Turns a stream of ids into text, whole characters at a time.
///
///     var detokenizer = IncrementalDetokenizer(tokenizer, skipsSpecialTokens: true)
///     for id in ids { print(detokenizer.append(id), terminator: "") }
///     print(detokenizer.finish())
///
/// Invariant: what `append` and `finish` returned, joined, is `tokenizer.decode` of all ids so far, less at most three
/// bytes that may be the beginning of a character.
public struct IncrementalDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecialTokens: Bool
  /// The beginning of a character, not yet returned.
  private var held: [UInt8] = []

  public init(_ tokenizer: Tokenizer, skipsSpecialTokens: Bool) {
    (self.tokenizer, self.skipsSpecialTokens) = (tokenizer, skipsSpecialTokens)
  }

  /// The text that a token completes; empty while a character is incomplete.
  public mutating func append(_ id: TokenID) -> String {
    tokenizer.appendBytes(of: id, skipsSpecialTokens: skipsSpecialTokens, to: &held)
    let complete = held.count - Self.incompleteTail(of: held)
    guard complete > 0 else { return "" }
    let text = String(decoding: held[..<complete], as: UTF8.self)
    held.removeFirst(complete)
    return text
  }

  /// The rest: U+FFFD when the stream ended within a character. The detokenizer is then as new.
  public mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// How many bytes at the end are the beginning of a character that more bytes could complete.
  static func incompleteTail(of bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let lead = bytes[bytes.count - count]
      if lead & 0xC0 == 0x80 { continue }
      let length: Int
      switch lead {
      case 0xC2...0xDF: length = 2
      case 0xE0...0xEF: length = 3
      case 0xF0...0xF4: length = 4
      default: return 0
      }
      guard count < length else { return 0 }
      if count == 1 { return 1 }
      // Some leads allow only a part of the second bytes (Unicode Standard, table 3-7).
      let allowed: ClosedRange<UInt8> =
        switch lead {
        case 0xE0: 0xA0...0xBF
        case 0xED: 0x80...0x9F
        case 0xF0: 0x90...0xBF
        case 0xF4: 0x80...0x8F
        default: 0x80...0xBF
        }
      return allowed.contains(bytes[bytes.count - count + 1]) ? count : 0
    }
    return 0
  }
}
