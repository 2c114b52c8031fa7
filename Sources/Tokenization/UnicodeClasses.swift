/// The classes of characters that pre-tokenizers ask for, as a two-stage table: 256 code points a block, equal blocks of
/// one class shared.
///
/// Built once from the generated ``runs`` (about 0.3 ms).
struct UnicodeClasses: Sendable {
  /// `\p{L}`, `\p{N}` and `\s` (White_Space): at most one of them holds.
  static let letter: UInt8 = 1, number: UInt8 = 2, space: UInt8 = 4
  /// `\w`.
  static let word: UInt8 = 8
  /// A character that may not be, or may not stay, as it is in NFC.
  static let nfcUnsafe: UInt8 = 16
  static let scanned: UInt8 = letter | number | space

  static let standard = UnicodeClasses()

  private static let blockCount = 0x1100
  /// By code point / 256: where its block starts in `blocks`. The block of ASCII starts at 0.
  private let starts: [UInt32]
  private let blocks: [UInt8]

  private init() {
    var starts: [UInt32] = [], blocks: [UInt8] = [], uniform: [UInt8: UInt32] = [:]
    var run = 0
    for block in 0..<Self.blockCount {
      let first = UInt32(block) << 8
      while run + 1 < Self.runs.count, Self.runs[run + 1] >> 8 <= first { run += 1 }
      let kind = UInt8(truncatingIfNeeded: Self.runs[run])
      let isUniform = run + 1 == Self.runs.count || Self.runs[run + 1] >> 8 >= first + 256
      if isUniform, let shared = uniform[kind] {
        starts.append(shared)
        continue
      }
      let start = UInt32(blocks.count)
      starts.append(start)
      if isUniform { uniform[kind] = start }
      for code in first..<(first + 256) {
        while run + 1 < Self.runs.count, Self.runs[run + 1] >> 8 <= code { run += 1 }
        blocks.append(UInt8(truncatingIfNeeded: Self.runs[run]))
      }
    }
    (self.starts, self.blocks) = (starts, blocks)
  }

  /// Pointers into the table, for scanning.
  struct Table {
    fileprivate let starts: UnsafePointer<UInt32>, blocks: UnsafePointer<UInt8>

    /// The classes and the length of the character at `i < end` of UTF-8 text that is valid up to `end`.
    @inline(__always)
    func character(_ text: UnsafePointer<UInt8>, _ i: Int, _ end: Int) -> (classes: UInt8, length: Int) {
      let first = Int(text[i])
      if first < 0x80 { return (blocks[first], 1) }
      let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      // Not reached in valid text; keeps every read inside it whatever happens.
      guard first >= 0xC2, i + length <= end else { return (0, 1) }
      var code = first & (0x7F >> length)
      for k in 1..<length { code = code << 6 | Int(text[i + k] & 0x3F) }
      guard code < 0x110000 else { return (0, length) }
      return (blocks[Int(starts[code >> 8]) + code & 0xFF], length)
    }
  }

  @inline(__always)
  func withTable<R>(_ body: (Table) -> R) -> R {
    starts.withUnsafeBufferPointer { starts in
      blocks.withUnsafeBufferPointer { blocks in
        // Neither array is empty: the table covers all code points.
        body(Table(starts: starts.baseAddress!, blocks: blocks.baseAddress!))
      }
    }
  }
}
