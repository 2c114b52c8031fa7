/// The SHA-1 digest (FIPS 180-4), which FlashInfer-Bench uses to tell solutions apart. Not for security.
///
///     var sha = SHA1()
///     sha.update("abc")
///     sha.hexDigest()   // "a9993e364706816aba3e25717850c26c9cd0d89d"
struct SHA1 {
  private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
    0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0
  )
  /// Bytes of a block that is not full yet; fewer than 64.
  private var pending: [UInt8] = []
  private var byteCount: UInt64 = 0

  init() { pending.reserveCapacity(64) }

  mutating func update(_ text: String) { update(Array(text.utf8)) }

  mutating func update(_ bytes: [UInt8]) {
    byteCount &+= UInt64(bytes.count)
    for byte in bytes { append(byte) }
  }

  private mutating func append(_ byte: UInt8) {
    pending.append(byte)
    if pending.count == 64 {
      absorb(pending)
      pending.removeAll(keepingCapacity: true)
    }
  }

  /// 40 lower-case hexadecimal digits. Ends the computation.
  mutating func hexDigest() -> String {
    let bitCount = byteCount &* 8
    append(0x80)
    while pending.count != 56 { append(0) }
    for shift in stride(from: 56, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift))) }
    return [state.0, state.1, state.2, state.3, state.4].map { word in
      let hex = String(word, radix: 16)
      return String(repeating: "0", count: 8 - hex.count) + hex
    }.joined()
  }

  private mutating func absorb(_ block: [UInt8]) {
    var words = [UInt32](repeating: 0, count: 80)
    for t in 0..<16 {
      for byte in block[(4 * t)..<(4 * t + 4)] { words[t] = words[t] << 8 | UInt32(byte) }
    }
    for t in 16..<80 { words[t] = Self.rotate(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], by: 1) }
    var (a, b, c, d, e) = state
    for t in 0..<80 {
      let (mix, constant): (UInt32, UInt32) =
        switch t {
        case 0..<20: (b & c | ~b & d, 0x5A82_7999)
        case 20..<40: (b ^ c ^ d, 0x6ED9_EBA1)
        case 40..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
        default: (b ^ c ^ d, 0xCA62_C1D6)
        }
      let next = Self.rotate(a, by: 5) &+ mix &+ e &+ constant &+ words[t]
      (a, b, c, d, e) = (next, a, Self.rotate(b, by: 30), c, d)
    }
    state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
  }

  private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
}
