/// Whether times that a worker reports can be believed: they must lie inside the checking process's own bracket, and fill it.
///
/// All times are readings of the processor's counter, which is the same on all processors.
struct ClockCheck: Sendable {
  /// Ticks of a second.
  let ticksPerSecond: Double
  /// Ticks that a request without work takes.
  let overhead: Double

  /// Seconds that may go by between the readings of two clocks, in this process and in the worker.
  static let outerSlack = 0.002, innerSlack = 5e-6
  /// A reported time below this share of what went by is not believed.
  static let share = 0.25

  struct Reading: Sendable {
    /// Counter around request and answer, in the checking process; at the work's beginning and end, as reported.
    var sent: UInt64, start: UInt64, end: UInt64, received: UInt64
    /// What the C library's clock and the kernel's own say went by in the worker, in nanoseconds.
    var libraryNanoseconds = 0, kernelNanoseconds = 0
  }

  /// Why a reading is impossible: proof of a changed clock, at once.
  func contradiction(_ reading: Reading) -> String? {
    if reading.end < reading.start { return "the counter ran backwards" }
    if reading.start < reading.sent || reading.end > reading.received {
      return "the reported times lie outside of the time between request and answer"
    }
    let library = Double(reading.libraryNanoseconds), kernel = Double(reading.kernelNanoseconds)
    if abs(library - kernel) > 2e6 + kernel / 2 {
      return "the C library's clock says that \(Int(library)) ns went by, the kernel's \(Int(kernel)) ns"
    }
    return nil
  }

  /// Whether the reported time is far below what went by: outside, or by the kernel's clock in the worker, which nothing
  /// there can change. Another program may cause that once, not again and again.
  func isSuspicious(_ reading: Reading) -> Bool {
    let reported = Double(reading.end &- reading.start) / ticksPerSecond
    let outside = (Double(reading.received &- reading.sent) - overhead) / ticksPerSecond
    let inside = Double(reading.kernelNanoseconds) / 1e9
    return outside - reported > Self.outerSlack && reported < outside * Self.share
      || inside - reported > Self.innerSlack && reported < inside * Self.share
  }
}
