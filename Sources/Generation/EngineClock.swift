import Glibc

/// Tells seconds that only ever grow, from any fixed point.
public typealias EngineClock = @Sendable () -> Double

/// Seconds since the machine started, time asleep not counted.
@Sendable public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
