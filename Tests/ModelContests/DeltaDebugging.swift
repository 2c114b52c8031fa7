/// Shortens a failing list of operations to one of which no part can be left out.
///
/// Leaves out ever smaller parts and keeps each shorter list that still fails (Zeller and Hildebrandt, "Simplifying and
/// Isolating Failure-Inducing Input", 2002).
/// - Parameters:
///   - attempts: how often `fails` is asked at most; the list reached by then is returned.
///   - fails: must hold for `operations`.
public func minimised<Operation>(
  _ operations: [Operation], attempts: Int = 5000, fails: ([Operation]) -> Bool
) -> [Operation] {
  var shortest = operations
  var size = max(1, shortest.count / 2)
  var left = attempts
  while left > 0, !shortest.isEmpty {
    var start = 0
    var isShorter = false
    while start < shortest.count, left > 0 {
      let rest = Array(shortest[..<start] + shortest[min(start + size, shortest.count)...])
      left -= 1
      if fails(rest) {
        shortest = rest
        isShorter = true
      } else {
        start += size
      }
    }
    if size == 1, !isShorter { break }
    size = max(1, min(size / 2, shortest.count))
  }
  return shortest
}

/// A small generator, so that whatever is drawn can be drawn again from its seed.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64
  public init(seed: UInt64) { state = seed &* 0xD134_2543_DE82_EF95 &+ 1 }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
