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
///   submit      schedule: acquire, allocate           remove: finished, stopped, cancelled, failed
///  ────────► waiting ─────────────► running ─────────────────────────────────────► gone
///            no pages                 │ commit: publish pages that are full   release
///               ▲                     │
///               └─────────────────────┘  preempt: release all, keep the tokens; compute again what is not found later,
///                                        or swap: keep what nobody shares in the second level until it runs again
/// ```
///
/// Pages that were published outlive their sequence in the prefix cache until their memory is needed; a request that
/// begins with the same tokens starts after them. When pages are short, cached ones go first, then of the sequences that
/// are newer than the one in need the one is preempted whose loss costs least.
///
/// Handles grow with the time of arrival; `running` and `waiting` are in that order. Nobody starves: a running sequence
/// loses pages only to older ones, so the oldest always progresses, may take the pages of every other, and admission
/// proved that these suffice; and a waiting one is overtaken `maxOvertakes` times at most before it is the first to go.
///
/// Invariants: free + held + cached pages = total; running sequences hold all held pages; waiting ones hold none; every
/// submitted request gets exactly one update with a finish reason.
public struct Scheduler: ~Copyable {
  public let configuration: SchedulerConfiguration
  var cache: PrefixCache
  var sequences: [Int: RunningSequence] = [:]
  /// Handles of the sequences without pages, oldest first.
  var waiting: [Int] = []
  /// Handles of the sequences with pages (or about to get their first), oldest first.
  var running: [Int] = []
  /// Whether a batch was scheduled and neither committed nor failed.
  var hasBatchInFlight = false
  /// Counts steps: the cache's idea of time.
  var clock = 0
  private var nextHandle = 0
  /// Requests of one epoch share prefixes.
  private(set) var cacheEpoch = 0
  /// How often a sequence had to give its pages back, and how often they were kept in the second level then.
  public internal(set) var preemptions = 0
  public internal(set) var swaps = 0
  /// Copies between the levels that could not be made.
  public internal(set) var failedCopies = 0
  /// Tokens that were guessed, and those of them that held.
  public internal(set) var draftedTokens = 0
  public internal(set) var acceptedTokens = 0
  /// What steps cost, as learned by `observe`.
  public private(set) var stepCosts: StepCostModel
  /// What it takes to copy a page to the second level or back, as the caller measured it.
  public var secondsPerPageCopy = 0.0
  /// Whether the caller's steps can shed chunks of prompts, and go on with them later; then batches have limits.
  public var canShed = false
  /// How often a step has shed a chunk of a prompt.
  public internal(set) var shedChunks = 0
  /// What the last step has shed, in the batch's order.
  var shedGrants: [(handle: Int, tokens: Int)] = []
  /// The part of the way that it has behind it, in how many steps; and how often that was no more than the time before.
  var shedProgress = 0.0, shedSteps = 0, setbacks = 0
  /// How much shorter than the target steps with a limit are.
  var margin = StepMargin()

  /// A scheduler without requests.
  /// - Parameter costs: a rough guess of what steps cost, until some were seen.
  public init(_ configuration: SchedulerConfiguration, costs: StepCosts = StepCostModel.roughPrior) {
    self.configuration = configuration
    stepCosts = StepCostModel(prior: costs)
    do {
      cache = try PrefixCache(
        pageCount: configuration.pageCount, pageSize: configuration.pageSize, policy: configuration.evictionPolicy,
        isEnabled: configuration.prefixCaching, slotCount: configuration.secondLevelPages)
    } catch {
      preconditionFailure("a checked configuration makes a cache: \(error)")
    }
  }

  /// Requests that wait for pages, preempted ones included.
  public var waitingCount: Int { waiting.count }
  /// Requests that hold pages.
  public var runningCount: Int { running.count }
  /// Pages that nobody holds and nothing is known of.
  public var freePages: Int { cache.pool.freeCount }
  /// Pages that nobody holds and that a request may find; they are given up when pages are needed.
  public var cachedPages: Int { cache.pool.cachedCount }
  /// What the prefix cache has found so far. A preempted sequence that comes back is not counted again.
  public var cacheStatistics: PrefixCacheStatistics { cache.statistics }
  /// Pages in the second level that a request may find, and those that preempted sequences keep there.
  public var secondLevelPages: (cached: Int, lent: Int) {
    (cache.secondLevel.cachedCount, cache.secondLevel.lentCount)
  }
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
    sequences[handle] = RunningSequence(
      handle: handle, request: request, configuration: configuration, epoch: cacheEpoch)
    waiting.append(handle)
    return handle
  }

  /// Ends a request at once, running or waiting; its pages are free or cached when this returns.
  /// - Returns: its last update, or nil when it has ended already.
  public mutating func cancel(_ handle: Int) -> Update? { finish(handle, reason: .cancelled) }

  /// Ends a request for a reason that the scheduler cannot see, such as a stop string.
  /// - Returns: its last update, or nil when it has ended already.
  public mutating func finish(_ handle: Int, reason: FinishReason) -> Update? {
    remove(handle, token: nil, reason: reason)
  }

  /// Takes the pages of the newest running sequence away; it waits to get them back.
  /// Schedule does this to some sequence when the pool is dry; it is public because results must not depend on it, which
  /// tests show.
  /// - Parameter method: how it gets them back, if not as configured.
  /// - Returns: false when nothing runs.
  @discardableResult public mutating func preemptNewest(by method: PreemptionMethod? = nil) -> Bool {
    guard let handle = running.last else { return false }
    precondition(!hasBatchInFlight, "a sequence cannot lose its pages while a batch uses them")
    preempt(handle, by: method)
    return true
  }

  /// Gives up all cached pages, in both levels. Results must not depend on it, which tests show.
  /// - Returns: how many there were in KV memory.
  @discardableResult public mutating func clearCache() -> Int { cache.clear() }

  /// Moves all cached pages to the second level, as far as that has room. Results must not depend on it, which tests show.
  @discardableResult public mutating func evictCache() -> Int {
    precondition(!hasBatchInFlight, "pages cannot be saved while a batch is run")
    return cache.evict(.max)
  }

  /// Learns from a step: what its size costs, unless it had only the rest of a chunk to compute, and whether it was late
  /// though the target was within reach.
  /// - batch: as it was scheduled. seconds: from its schedule to its commit. copySeconds: of those, what copies took.
  /// - wholeSeconds: if it has shed chunks, what its computing would have taken otherwise.
  /// - wasForced: whether they were in longer than there was room for: then its being late says nothing of when to shed.
  public mutating func observe(
    _ batch: Batch, seconds: Double, copySeconds: Double = 0, wholeSeconds: Double? = nil, wasForced: Bool = false
  ) {
    if let limit = batch.limit, !wasForced, let target = configuration.interTokenTarget, limit.seconds <= target {
      margin.observe(isLate: seconds > target)
    }
    if batch.resumes { return }
    // Those without a limit, which shed nothing any more after setbacks, are as long.
    stepCosts.observe(
      batch.shape, seconds: wholeSeconds ?? seconds - copySeconds, canShed: canShed && batch.isMixed)
  }

  /// From now on nothing is shared with what was computed before: the model computes something else than it did.
  /// Requests that are live go on with what they have; it is not shared with requests that come after this.
  public mutating func forgetPrefixes() {
    cacheEpoch += 1
    cache.clear()
  }

  /// The only way out: releases the pages and makes the last update.
  mutating func remove(_ handle: Int, token: Int32?, reason: FinishReason, row: Int? = nil) -> Update? {
    guard let sequence = sequences[handle] else { return nil }
    if let swapped = sequence.swapped { cache.discard(swapped) }
    releasePages(of: handle)
    running.removeSorted(handle)
    waiting.removeSorted(handle)
    let usage = sequences.removeValue(forKey: handle)?.usage
    return usage.map { Update(handle: handle, token: token, finish: reason, usage: $0, row: row) }
  }

  mutating func releasePages(of handle: Int) {
    guard var sequence = sequences[handle] else { return }
    cache.release(sequence.lease, &sequence.table, time: clock)
    sequence.lease = nil
    sequence.isLoading = false
    sequences[handle] = sequence
  }
}
