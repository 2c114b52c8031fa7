import Synchronization

/// How often one solution computed one definition, by the reason of the choice. Counted by the calling thread, read by
/// any.
public final class CallCounters: Sendable {
  private let exact = Atomic<Int>(0), bucket = Atomic<Int>(0), nearest = Atomic<Int>(0)
  private let overall = Atomic<Int>(0), listed = Atomic<Int>(0), fallback = Atomic<Int>(0)
  private let switched = Atomic<Int>(0)
  private let failed = Atomic<Int>(0)
  public let definition: String, solution: String

  init(definition: String, solution: String) { (self.definition, self.solution) = (definition, solution) }

  @inline(__always)
  func count(_ route: Route) {
    switch route {
    case .listed: Self.increment(listed)
    case .overall: Self.increment(overall)
    case .exact: Self.increment(exact)
    case .bucket: Self.increment(bucket)
    case .nearest: Self.increment(nearest)
    case .fallback: Self.increment(fallback)
    case .switched: Self.increment(switched)
    }
  }

  /// One thread counts: nobody else's addition can be lost, and an atomic one would wait for its line.
  @inline(__always)
  private static func increment(_ count: borrowing Atomic<Int>) {
    count.store(count.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  func countFailure() { Self.increment(failed) }

  public func calls(_ route: Route) -> Int {
    switch route {
    case .listed: listed.load(ordering: .relaxed)
    case .overall: overall.load(ordering: .relaxed)
    case .exact: exact.load(ordering: .relaxed)
    case .bucket: bucket.load(ordering: .relaxed)
    case .nearest: nearest.load(ordering: .relaxed)
    case .fallback: fallback.load(ordering: .relaxed)
    case .switched: switched.load(ordering: .relaxed)
    }
  }

  /// Calls that threw.
  public var failures: Int { failed.load(ordering: .relaxed) }
}
