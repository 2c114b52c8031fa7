import Glibc

/// How much was moved in one direction, and how long that took.
public struct TransferRecord: Sendable, Hashable {
  /// Bytes moved, and the seconds that took, since the beginning.
  public private(set) var bytes = 0, seconds = 0.0
  /// Slots moved.
  public private(set) var count = 0
  /// What a byte costs at present, in seconds: an exponential average in which each transfer counts for an eighth.
  /// Nil before the first one.
  public private(set) var secondsPerByte: Double?

  private static let weight = 0.125

  mutating func add(bytes moved: Int, seconds spent: Double) {
    guard moved > 0 else { return }
    bytes += moved
    seconds += spent
    count += 1
    let cost = spent / Double(moved)
    secondsPerByte = secondsPerByte.map { $0 + (cost - $0) * Self.weight } ?? cost
  }
}

/// Seconds of a clock that only goes forward.
func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
