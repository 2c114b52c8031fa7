import KernelRuntime
import Synchronization
import Traces

/// Checks of many definitions, several at a time: most of the time goes into compilers.
public struct ConformanceBatch {
  public var definitions: [Definition]
  /// What a definition is checked with.
  public var workloads: @Sendable (Definition) -> [ConformanceWorkload] = ConformanceWorkload.all(of:)
  /// False gives each tensor an allocation of its own, for a sanitizer to watch.
  public var isGuarded = true
  /// How many definitions are checked at a time.
  public var jobs = 1
  /// Told of each result, by one thread at a time.
  public var onResult: (@Sendable (ConformanceResult) -> Void)?

  public init(definitions: [Definition]) { self.definitions = definitions }

  /// Where a thread checks, and what.
  public typealias Bench = (device: any ConformanceDevice, solutions: [KernelSolution])

  private struct State {
    var next = 0
    var results: [Int: [ConformanceResult]] = [:]
    var error: (any Error)?
  }

  /// - bench: called once by each thread; solutions are the same for all.
  /// - Returns: results in the order of definitions, then solutions.
  /// - Throws: what `bench` throws; an oracle's error.
  public func run(at bench: () throws -> Bench) throws -> [ConformanceResult] {
    let state = Mutex(State()), pool = WorkerPool(threads: jobs)
    pool.parallel(pool.threadCount) { _ in
      do {
        let (device, solutions) = try bench()
        while let index = next(state) {
          var check = ConformanceCheck(definitions: [definitions[index]], solutions: solutions, device: device)
          (check.workloads, check.isGuarded) = (workloads, isGuarded)
          if let onResult { check.onResult = { result in state.withLock { _ in onResult(result) } } }
          let found = try check.run()
          state.withLock { $0.results[index] = found }
        }
      } catch {
        state.withLock { $0.error = $0.error ?? error }
      }
    }
    return try state.withLock { state in
      if let error = state.error { throw error }
      return definitions.indices.flatMap { state.results[$0] ?? [] }
    }
  }

  /// The next definition; nil when all are taken, or one failed.
  private func next(_ state: borrowing Mutex<State>) -> Int? {
    state.withLock { state in
      guard state.error == nil, state.next < definitions.count else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }
}
