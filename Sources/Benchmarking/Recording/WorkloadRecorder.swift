import Glibc
import KernelRuntime
import Synchronization
import Traces

/// Records the kernel calls of a running program as workloads that can be run again, and counts them.
///
///     let recorder = try WorkloadRecorder(root: "traces", policy: .standard) { print($0) }
///     library.observer = recorder
///     …                                  // the program serves
///     recorder.close()                   // writes what is left
///
/// A folder in FlashInfer-Bench's layout: `definitions/`, `workloads/`, `blob/workloads/`, and `frequencies/` beside them.
/// The calling thread counts, and copies what a new kind of call needs into a queue; a thread of its own writes. Memory and
/// disk are bounded by the policy. Equal calls are written once, also over several runs into one folder. No call ever
/// waits for the disk or fails because of it.
public final class WorkloadRecorder: KernelCallObserver {
  private let state: RecordingState
  private let thread: Mutex<pthread_t?>

  /// - root: the trace set's folder; made if it is not there.
  /// - onProblem: told what an operator should know, on the writing thread; each thing once.
  /// - Throws: when the folder cannot be made or written, or no thread can be started.
  public init(
    root: String, policy: RecordingPolicy = .standard, onProblem: @escaping @Sendable (RecordingProblem) -> Void
  ) throws(RecordingError) {
    var root = root
    while root.count > 1, root.hasSuffix("/") { root.removeLast() }
    try Self.prepare(root)
    state = RecordingState(policy)
    let writer = RecordingWriter(root: root, state: state, onProblem: onProblem)
    var thread = pthread_t()
    let handle = Unmanaged.passRetained(writer)
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<RecordingWriter>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, handle.toOpaque())
    if code != 0 {
      handle.release()
      throw RecordingError("a thread that writes into \(root) cannot be started: \(String(cString: strerror(code)))")
    }
    self.thread = Mutex(thread)
  }

  deinit { close() }

  private static func prepare(_ root: String) throws(RecordingError) {
    guard !root.isEmpty, !root.utf8.contains(0) else { throw RecordingError("the folder for kernel calls has no name") }
    do throws(SchemaError) { try FileStore.makeDirectory(root) } catch {
      throw RecordingError("the folder for kernel calls, \(root), cannot be made: \(error.sentence)")
    }
    if access(root, W_OK | X_OK) != 0 {
      let reason = String(cString: strerror(errno))
      throw RecordingError("the folder for kernel calls, \(root), cannot be written: \(reason)")
    }
  }

  // MARK: the calling thread

  public func willCall(_ call: KernelCall, arguments: [KernelArgument], axes: [Int]) {
    guard state.isCounting.load(ordering: .relaxed), let tally = state.tallies.tally(of: call.definition) else {
      return
    }
    let group = tally.count(axes, layer: call.layer, wanting: state.isCapturing.load(ordering: .relaxed))
    if let group { capture(call, arguments, axes, tally, group) }
  }

  @inline(never)
  private func capture(
    _ call: KernelCall, _ arguments: [KernelArgument], _ axes: [Int], _ tally: CallTally, _ group: Int
  ) {
    guard let plan = CapturePlan(call, tally.rule, arguments, axes) else {
      return state.statistics.withLock { $0.unusable += 1 }
    }
    guard plan.byteCount <= state.policy.queueBytes else {
      return state.statistics.withLock { $0.oversized += 1 }
    }
    guard state.queue.reserve(plan.byteCount) else {
      tally.giveBack(group)
      return state.statistics.withLock { $0.overflowed += 1 }
    }
    state.queue.put(plan.captured(), reserved: plan.byteCount)
  }

  // MARK: the owner

  /// Waits until all calls so far, and how often they came, are in the folder; or recording has failed.
  public func flush() { state.queue.flush() }

  /// Writes what is left and ends. Calls that come later are ignored; closing again does nothing.
  public func close() {
    state.isCounting.store(false, ordering: .relaxed)
    _ = state.queue.close()
    let thread = thread.withLock { thread -> pthread_t? in
      defer { thread = nil }
      return thread
    }
    if let thread { pthread_join(thread, nil) }
  }

  public var statistics: RecordingStatistics {
    var statistics = state.statistics.withLock { $0 }
    statistics.calls = state.tallies.all.reduce(0) { $0 + $1.totalCalls }
    return statistics
  }
}

/// Why a recorder could not be made.
public struct RecordingError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
