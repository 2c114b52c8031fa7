import Paging

/// Decides what runs next: continuous batching with chunked prefill over paged KV memory.
///
/// A value without clock, lock or tensor: given the same calls it gives the same batches.
///
/// ```
/// let handle = try scheduler.submit(request)
/// while let batch = scheduler.schedule() {
///   // run the model on the batch, choose a token for each sequence that samples
///   for update in scheduler.commit(batch, sampled: tokens) { … }
/// }
/// ```
///
/// Where pages change hands:
///
/// ```
///   submit      schedule: grant                       remove: finished, stopped, cancelled, failed
///  ────────► waiting ─────────────► running ─────────────────────────────────────► gone
///            no pages   allocate    table holds pages          release
///               ▲                     │
///               └─────────────────────┘  preempt: release all, keep the tokens, compute them again later
/// ```
///
/// The policy is first come, first served. Handles grow with the time of arrival, and `running + waiting` is in that
/// order: the newest running sequence is the one preempted, to the head of the waiting. Nobody overtakes, so the oldest
/// sequence always progresses: it may take the pages of every other, and admission proved that these suffice.
///
/// Invariants: free + held pages = total; running sequences hold all held pages; waiting ones hold none; every submitted
/// request gets exactly one update with a finish reason.
public struct Scheduler: ~Copyable {
  public let configuration: SchedulerConfiguration
  var pool: PagePool
  var sequences: [Int: RunningSequence] = [:]
  /// Handles of the sequences without pages, oldest first.
  var waiting: [Int] = []
  /// Handles of the sequences with pages (or about to get their first), oldest first.
  var running: [Int] = []
  /// Whether a batch was scheduled and neither committed nor failed.
  var hasBatchInFlight = false
  private var nextHandle = 0
  /// How often a sequence had to give its pages back.
  public internal(set) var preemptions = 0

  /// A scheduler without requests.
  public init(_ configuration: SchedulerConfiguration) {
    self.configuration = configuration
    do { pool = try PagePool(pageCount: configuration.pageCount, pageSize: configuration.pageSize) } catch {
      preconditionFailure("a checked configuration makes a pool: \(error)")
    }
  }

  /// Requests that wait for pages, preempted ones included.
  public var waitingCount: Int { waiting.count }
  /// Requests that hold pages.
  public var runningCount: Int { running.count }
  /// Pages that nobody holds.
  public var freePages: Int { pool.freeCount }
  /// Whether there is nothing to schedule.
  public var isIdle: Bool { sequences.isEmpty }

  /// Takes a request in.
  /// - Returns: the handle that batches and updates name it by; handles grow with each call and are never used again.
  /// - Throws: `AdmissionError` when it could never finish, or when `maxRunning + maxWaiting` requests are live.
  public mutating func submit(_ request: GenerationRequest) throws(AdmissionError) -> Int {
    try configuration.check(request)
    guard sequences.count < configuration.maxRunning + configuration.maxWaiting else {
      throw .overloaded(waiting: waiting.count)
    }
    let handle = nextHandle
    nextHandle += 1
    sequences[handle] = RunningSequence(handle: handle, request: request, configuration: configuration)
    waiting.append(handle)
    return handle
  }

  /// Ends a request at once, running or waiting; its pages are free when this returns.
  /// - Returns: its last update, or nil when it has ended already.
  public mutating func cancel(_ handle: Int) -> Update? { finish(handle, reason: .cancelled) }

  /// Ends a request for a reason that the scheduler cannot see, such as a stop string.
  /// - Returns: its last update, or nil when it has ended already.
  public mutating func finish(_ handle: Int, reason: FinishReason) -> Update? {
    remove(handle, token: nil, reason: reason)
  }

  /// Takes the pages of the newest running sequence away; it waits at the head of the queue to be computed again.
  /// Schedule does this when the pool is dry; it is public because results must not depend on it, which tests show.
  /// - Returns: false when nothing runs.
  @discardableResult public mutating func preemptNewest() -> Bool {
    guard let handle = running.last else { return false }
    precondition(!hasBatchInFlight, "a sequence cannot lose its pages while a batch uses them")
    preempt(handle)
    return true
  }

  mutating func preempt(_ handle: Int) {
    running.removeLast()
    waiting.insert(handle, at: 0)
    releasePages(of: handle)
    preemptions += 1
  }

  /// The only way out: releases the pages and makes the last update.
  mutating func remove(_ handle: Int, token: Int32?, reason: FinishReason) -> Update? {
    guard sequences[handle] != nil else { return nil }
    releasePages(of: handle)
    // Both lists are sorted, so the place is found by bisection.
    if let index = running.firstIndexSorted(of: handle) { running.remove(at: index) }
    if let index = waiting.firstIndexSorted(of: handle) { waiting.remove(at: index) }
    let usage = sequences.removeValue(forKey: handle)?.usage
    return usage.map { Update(handle: handle, token: token, finish: reason, usage: $0) }
  }

  private mutating func releasePages(of handle: Int) {
    if let pages = sequences[handle]?.table.removeAll() { pool.release(pages) }
  }
}

extension [Int] {
  /// The index of `element` in an ascending array. O(log n).
  fileprivate func firstIndexSorted(of element: Int) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] == element ? low : nil
  }
}
