import Synchronization

/// A thread's share of the chunks of one call: which have been claimed is in a word that all threads share. Has no
/// reference that is counted.
@usableFromInline
struct ChunkShare {
  /// generation << 20 | next chunk, once a chunk of this generation has been claimed.
  let word: UnsafeMutablePointer<Atomic<UInt64>>
  let generation: UInt64
  let first: UInt64, end: UInt64

  /// Generations lie above; 44 bits of them last for years.
  static let countBits: UInt64 = 20
  static let countMask: UInt64 = 1 << countBits - 1

  /// Claims the next chunk; nil when none is left of this call.
  @inline(__always)
  func claim() -> Int? {
    var seen = word.pointee.load(ordering: .acquiring)
    while true {
      let from = seen >> Self.countBits
      if from > generation { return nil }
      let next = from == generation ? seen & Self.countMask : first
      if next >= end { return nil }
      let (claimed, found) = word.pointee.weakCompareExchange(
        expected: seen, desired: generation << Self.countBits | (next &+ 1), ordering: .acquiringAndReleasing)
      if claimed { return Int(next) }
      seen = found
    }
  }
}
