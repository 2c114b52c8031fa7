import TestSupport
import Testing

@testable import PageStorage

@Suite struct PageChecksumTests {
  func random(_ count: Int) -> [UInt8] {
    var random = SplitMix(seed: UInt64(count))
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  func checksum(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { PageChecksum.of($0) } }

  @Test func theValueDoesNotDependOnHowTheBytesAreCut() {
    var generator = SplitMix(seed: 1)
    for count in [0, 1, 63, 64, 65, 127, 128, 1000, 4097] {
      let bytes = random(count), whole = checksum(bytes)
      for _ in 0..<50 {
        var parts = PageChecksum(), at = 0
        while at < count {
          let size = min(
            count - at, Int.random(in: 0...[1, 7, 64, 200].randomElement(using: &generator)!, using: &generator))
          bytes[at..<at + size].withUnsafeBytes { parts.update($0) }
          at += size
        }
        #expect(parts.value == whole, "\(count) bytes")
      }
    }
  }

  @Test func everyFlippedBitChangesTheValueAndNoTwoOfThemAlike() {
    for original in [random(200), [UInt8](repeating: 0, count: 200), [UInt8](repeating: 255, count: 64)] {
      var bytes = original
      var seen: Set<UInt64> = [checksum(bytes)]
      for i in bytes.indices {
        for bit in 0..<8 {
          bytes[i] ^= 1 << bit
          #expect(seen.insert(checksum(bytes)).inserted, "bit \(bit) of byte \(i)")
          bytes[i] ^= 1 << bit
        }
      }
    }
  }

  @Test func zerosAtTheEndCount() {
    var seen: Set<UInt64> = []
    for count in 0...300 {
      #expect(seen.insert(checksum([UInt8](repeating: 0, count: count))).inserted, "\(count) zeros")
    }
  }

  @Test func blocksThatChangePlacesChangeTheValue() {
    let bytes = random(512), whole = checksum(bytes)
    for a in 0..<64 {
      for b in 0..<a {
        var swapped = bytes
        for i in 0..<8 { swapped.swapAt(a * 8 + i, b * 8 + i) }
        #expect(checksum(swapped) != whole, "words \(a) and \(b)")
      }
    }
  }

  /// Archives of earlier builds stay readable: the values are part of the format.
  @Test func theValuesAreThoseOfTheDocumentedFormula() {
    func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
      // schoolbook multiplication of 32-bit halves
      let (a1, a0, b1, b0) = (a >> 32, a & 0xFFFF_FFFF, b >> 32, b & 0xFFFF_FFFF)
      let middle = a0 &* b1 &+ (a0 &* b0) >> 32
      let middle2 = a1 &* b0 &+ middle & 0xFFFF_FFFF
      let high = a1 &* b1 &+ middle >> 32 &+ middle2 >> 32
      return high ^ (a &* b)
    }
    let keys: [UInt64] = [0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B, 0xA54F_F53A_5F1D_36F1]
    for count in [0, 1, 64, 100, 640] {
      let bytes = random(count), padded = bytes + [UInt8](repeating: 0, count: (64 - count % 64) % 64)
      var lanes: [UInt64] = [
        0x510E_527F_ADE6_82D1, 0x9B05_688C_2B3E_6C1F, 0x1F83_D9AB_FB41_BD6B, 0x5BE0_CD19_137E_2179,
      ]
      let words = stride(from: 0, to: padded.count, by: 8).map { at in
        (0..<8).reduce(UInt64(0)) { $0 | UInt64(padded[at + $1]) << UInt64(8 * $1) }
      }
      for pair in 0..<words.count / 2 {
        let (lane, key, a, b) = (lanes[pair % 4], keys[pair % 4], words[2 * pair], words[2 * pair + 1])
        lanes[pair % 4] = pair % 2 == 0 ? folded(lane ^ a, b ^ key) : folded(lane &+ a, b &+ key)
      }
      var value = UInt64(count)
      for i in 0..<4 { value = folded(value ^ lanes[i], keys[i]) }
      #expect(checksum(bytes) == value, "\(count) bytes")
    }
  }
}
