import Glibc

/// Whether times that a worker reports can be believed: they must lie inside the checking process's own bracket, and agree
/// with the processor time that the kernel counts for the worker.
///
/// Readings of the processor's counter are the same on all processors, so two processes' can be compared.
struct ClockCheck: Sendable {
  /// Ticks of a second.
  let ticksPerSecond: Double
  /// Seconds of the worker's processor time that a request without work takes.
  let overhead: Double
  /// Threads that the worker computes with.
  let threads: Int

  /// Seconds that the protocol and the readings of two clocks may take beside the work.
  static let outerSlack = 0.002, innerSlack = 5e-6
  /// A reported time below this share of what went by is not believed.
  static let share = 0.25

  struct Reading: Sendable {
    /// Counter around request and answer, in the checking process; at the work's beginning and end, as reported.
    var sent: UInt64, start: UInt64, end: UInt64, received: UInt64
    /// What the C library's clock and the kernel's own say went by in the worker, in nanoseconds.
    var libraryNanoseconds = 0, kernelNanoseconds = 0
    /// The worker's processor time between request and answer, all threads together, in seconds.
    var processorSeconds = 0.0
  }

  /// Why a reading is impossible: proof of a changed clock, at once.
  func contradiction(_ reading: Reading) -> String? {
    if reading.end < reading.start { return "the counter ran backwards" }
    if reading.start < reading.sent || reading.end > reading.received {
      return "the reported times lie outside of the time between request and answer"
    }
    // The library's clock is read before and after the kernel's: it can only be ahead.
    let library = Double(reading.libraryNanoseconds), kernel = Double(reading.kernelNanoseconds)
    if library < kernel * 0.9 - 1e6 {
      return "the C library's clock says that \(Int(library)) ns went by, the kernel's \(Int(kernel)) ns"
    }
    return nil
  }

  /// Whether the reported time is far below the processor time that was used for it, or below what went by on the kernel's
  /// clock in the worker; nothing there can change either. A machine under load may cause that once, not again and again.
  func isSuspicious(_ reading: Reading) -> Bool {
    let reported = Double(reading.end &- reading.start) / ticksPerSecond
    let accounted = reported * Double(threads), used = reading.processorSeconds - overhead
    let inside = Double(reading.kernelNanoseconds) / 1e9
    return used - accounted > Self.outerSlack && accounted < used * Self.share
      || inside - reported > Self.innerSlack && reported < inside * Self.share
  }
}

/// The processor time of another process, as the kernel counts it.
struct ProcessorClock: Sendable {
  private let clock: clockid_t?

  init(of process: pid_t) {
    var clock = clockid_t()
    self.clock = clock_getcpuclockid(process, &clock) == 0 ? clock : nil
  }

  /// Seconds since the process began, all threads together; 0 when it is gone.
  var seconds: Double {
    var time = timespec()
    guard let clock, clock_gettime(clock, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
