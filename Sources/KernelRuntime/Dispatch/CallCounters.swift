import Synchronization

/// How often one solution computed one definition, by the reason of the choice. Counted by the calling thread, read by
/// any.
public final class CallCounters: Sendable {
  public let definition: String, solution: String
  private let exact = Atomic<Int>(0), bucket = Atomic<Int>(0), nearest = Atomic<Int>(0)
  private let overall = Atomic<Int>(0), listed = Atomic<Int>(0), fallback = Atomic<Int>(0)
  private let switched = Atomic<Int>(0)
  private let failed = Atomic<Int>(0)

  init(definition: String, solution: String) { (self.definition, self.solution) = (definition, solution) }

  @inline(__always)
  func count(_ route: Route) {
    switch route {
    case .listed: listed.add(1, ordering: .relaxed)
    case .overall: overall.add(1, ordering: .relaxed)
    case .exact: exact.add(1, ordering: .relaxed)
    case .bucket: bucket.add(1, ordering: .relaxed)
    case .nearest: nearest.add(1, ordering: .relaxed)
    case .fallback: fallback.add(1, ordering: .relaxed)
    case .switched: switched.add(1, ordering: .relaxed)
    }
  }

  func countFailure() { failed.add(1, ordering: .relaxed) }

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
