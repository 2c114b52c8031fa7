/// SplitMix64: the same numbers in every run.
public struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  public init(seed: UInt64) { state = seed }
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Breaks a file's bytes in one of the ways in which files are broken, or made to break readers.
public struct FileMutation {
  /// Where most of the damage goes; each is a part of the file.
  public let focus: [Range<Int>]
  public private(set) var random: SplitMix

  public init(seed: UInt64, focus: [Range<Int>]) { (random, self.focus) = (SplitMix(seed: seed), focus) }

  /// A mutated copy, and what was done to it.
  public mutating func mutate(_ original: [UInt8]) -> (bytes: [UInt8], what: String) {
    var bytes = original
    switch Int.random(in: 0..<10, using: &random) {
    case 0...1:
      let count = [1, 1, 3].randomElement(using: &random) ?? 1
      var places: [Int] = []
      for _ in 0..<count {
        let at = place(bytes.count, mostlyFocused: true)
        bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        places.append(at)
      }
      return (bytes, "bits flipped at \(places)")
    case 2...3:
      let at = textPlace(in: bytes)
      bytes[at] = UInt8.random(in: 97...122, using: &random)
      return (bytes, "byte \(at) became a letter")
    case 4:
      let end = place(bytes.count, mostlyFocused: Bool.random(using: &random))
      return (Array(bytes[..<end]), "cut to \(end) bytes")
    case 5, 6: return splice(bytes)
    default:
      let at = lengthField(in: bytes)
      let value = Self.blownUp.randomElement(using: &random) ?? 0
      let size = [4, 8, 8].randomElement(using: &random) ?? 8
      for (i, byte) in little(value).prefix(size).enumerated() where at + i < bytes.count { bytes[at + i] = byte }
      return (bytes, "\(size) bytes at \(at) set to \(value)")
    }
  }

  /// Bytes doubled, removed, or written over others.
  private mutating func splice(_ original: [UInt8]) -> (bytes: [UInt8], what: String) {
    var bytes = original
    let from = place(bytes.count, mostlyFocused: true), to = place(bytes.count, mostlyFocused: true)
    let count = min(Int.random(in: 1...64, using: &random), bytes.count - max(from, to))
    let part = Array(bytes[from..<from + count])
    switch Int.random(in: 0..<3, using: &random) {
    case 0:
      bytes.insert(contentsOf: part, at: to)
      return (bytes, "\(count) bytes of \(from) inserted at \(to)")
    case 1:
      bytes.removeSubrange(from..<from + count)
      return (bytes, "\(count) bytes at \(from) removed")
    default:
      bytes.replaceSubrange(to..<to + count, with: part)
      return (bytes, "\(count) bytes of \(from) written at \(to)")
    }
  }

  private static let blownUp: [UInt64] = [
    0, 1, 2, 0x7F, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 33, 1 << 40, 1 << 61, 1 << 62,
    0x7FFF_FFFF_FFFF_FFFF, 1 << 63, 0xFFFF_FFFF_FFFF_FFE0, .max,
  ]

  private mutating func place(_ count: Int, mostlyFocused: Bool) -> Int {
    if mostlyFocused, Int.random(in: 0..<8, using: &random) > 0, let part = focus.randomElement(using: &random) {
      let clamped = part.clamped(to: 0..<count)
      if !clamped.isEmpty { return Int.random(in: clamped, using: &random) }
    }
    return Int.random(in: 0..<count, using: &random)
  }

  /// A place that holds a letter or digit, near a random one.
  private mutating func textPlace(in bytes: [UInt8]) -> Int {
    let start = place(bytes.count, mostlyFocused: true)
    return bytes[start..<min(start + 256, bytes.count)].firstIndex { (48...57).contains($0) || (97...122).contains($0) }
      ?? start
  }

  /// A place that looks like a small 64-bit number, near a random one.
  private mutating func lengthField(in bytes: [UInt8]) -> Int {
    let start = place(bytes.count, mostlyFocused: true)
    for at in start..<max(start, min(start + 512, bytes.count - 8))
    where bytes[at] != 0 && bytes[(at + 2)..<(at + 8)].allSatisfy({ $0 == 0 }) { return at }
    return start
  }
}
