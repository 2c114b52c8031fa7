import Scheduling
import Synchronization
import Tokenization

/// All that lives on the engine's thread, and the loop that it runs.
///
/// ```
///   inbox ─► receive ─► scheduler.submit ──► schedule ─► run ─► commit ─► events
///                                               ▲                 │
///                                               └─────────────────┘
/// ```
///
/// Every request in `active` is live in the scheduler and the other way round; `end` takes it out of `active` after the
/// scheduler has let go of its pages, and sends its one final event.
struct EngineLoop: ~Copyable {
  var scheduler: Scheduler
  var runner: any ModelRunning
  var active: [Int: ActiveRequest] = [:]
  private var phase = EngineInbox.Phase.open
  private var counted: EngineStatistics
  private var rate = TokenRate()
  private var passLevels = PassLevels()
  private let inbox: EngineInbox
  private let makeDecoder: @Sendable () -> any TokenTextDecoder
  private let statistics: SharedStatistics
  private let clock: EngineClock

  init(
    _ configuration: EngineConfiguration, runner: any ModelRunning, inbox: EngineInbox, statistics: SharedStatistics,
    clock: @escaping EngineClock, makeDecoder: @escaping @Sendable () -> any TokenTextDecoder
  ) {
    scheduler = Scheduler(configuration.scheduler, costs: configuration.stepCosts)
    counted = EngineStatistics(contextLength: configuration.scheduler.contextLength)
    (self.runner, self.inbox, self.statistics, self.makeDecoder) = (runner, inbox, statistics, makeDecoder)
    self.clock = clock
    scheduler.secondsPerPageCopy = runner.secondsPerPageCopy
    scheduler.canShed = runner.canShed
    publish()
  }

  /// Steps until the inbox is closed and every request has ended.
  mutating func run() {
    while true {
      receive()
      if !scheduler.isIdle {
        step()
      } else if phase == .open {
        rest()
      } else {
        return
      }
    }
  }

  /// One decision, and the steps that follow from it.
  private mutating func step() {
    startRound()
    var start = clock()
    guard var batch = scheduler.schedule() else { return }
    while true {
      for entry in batch.sequences { active[entry.handle]?.times.schedule(at: start, &counted.latencies) }
      let copySeconds = copy(batch, since: start)
      guard let copySeconds else { return }  // the batch is void: what follows is decided anew
      let planned = batch, pace = batch.limit.map { StepPace($0, start: start, passLevels, clock: clock) }
      let outcome = run(&batch, pace: pace)
      commit(batch, outcome, StepSpan(start: start, end: clock()))
      guard case .sampled = outcome else { return }
      let now = clock()
      if let pace { passLevels = pace.end(at: now) }
      scheduler.observe(
        planned, seconds: now - start, copySeconds: copySeconds, wholeSeconds: pace?.wholeSeconds,
        wasForced: pace?.wasForced ?? false)
      guard batch.rounds > 1, !inbox.hasArrivals else { return }
      startRound()
      guard let next = scheduler.scheduleNext(after: batch) else { return }
      (batch, start) = (next, now)
    }
  }

  private mutating func startRound() {
    if runner.betweenSteps() { scheduler.forgetPrefixes() }
  }

  /// Makes the batch's copies.
  /// - Returns: the seconds that took, or nil when the batch cannot be run, because pages could not be loaded.
  private mutating func copy(_ batch: Batch, since start: Double) -> Double? {
    if batch.copies.isEmpty { return 0 }
    let failed = runner.copy(batch.copies)
    scheduler.secondsPerPageCopy = runner.secondsPerPageCopy
    return scheduler.noteCopies(batch, failed: failed) ? clock() - start : nil
  }

  private mutating func rest() {
    if rate.tokensPerSecond > 0 {
      rate.rest()
      publish()
    }
    inbox.waitForNews()
  }

  // MARK: Receive

  private mutating func receive() {
    guard let news = inbox.take() else { return }
    let now = clock()
    for submission in news.submissions { admit(submission, at: now) }
    phase = news.phase
    if phase == .cancelling {
      endAll { _ in true }
    } else if news.hasCancellations {
      endAll { $0.isCancelled }
    }
    publish()
  }

  private mutating func admit(_ submission: Submission, at now: Double) {
    counted.submittedRequests += 1
    var request = ActiveRequest(submission, decoder: makeDecoder(), arrival: now)
    do throws(AdmissionError) {
      let handle = try scheduler.submit(submission.request)
      counted.promptTokens += submission.request.prompt.count
      active[handle] = request
    } catch {
      let usage = Usage(promptTokens: submission.request.prompt.count, completionTokens: 0, cachedTokens: 0)
      finish(&request, .failed, usage, message: "the scheduler refused the request: \(error)")
    }
  }

  private mutating func endAll(where isEnding: (ActiveRequest) -> Bool) {
    for handle in active.keys.sorted() {
      guard let request = active[handle], isEnding(request), let update = scheduler.cancel(handle) else { continue }
      end(update, message: phase == .cancelling ? "the engine is shutting down" : nil)
    }
  }

  // MARK: Commit

  private mutating func commit(_ batch: Batch, _ outcome: StepOutcome, _ span: StepSpan) {
    counted.steps += 1
    counted.computedTokens += batch.tokenCount
    counted.latencies.stepTime.record(span.end - span.start)
    counted.latencies.stepTokens.record(Double(batch.tokenCount))
    let generatedBefore = counted.generatedTokens
    switch outcome {
    case .failed(let message):
      for update in scheduler.fail(batch) { end(update, message: message) }
    case .sampled(let rows):
      for update in scheduler.commit(batch, sampled: rows.map(\.token)) { deliver(update, rows, at: span.end) }
    }
    rate.add(counted.generatedTokens - generatedBefore, from: span.start, to: span.end)
    publish()
  }

  private mutating func deliver(_ update: Update, _ rows: [SampledRow], at now: Double) {
    // A stop string may have been completed by an earlier token of the same step: what follows it never was.
    guard active[update.handle] != nil else { return }
    let row = update.row.map { rows[$0] }
    guard let token = update.token else { return end(update, message: row?.problem) }
    counted.generatedTokens += 1
    active[update.handle]?.times.receiveToken(at: now, &counted.latencies)
    // A stop token ends the output without being part of it; the scheduler knows no other reason to stop.
    let isStopToken = update.finish == .stop
    let hasStopString = isStopToken ? false : active[update.handle]?.accept(token, row?.logprobs) ?? false
    if update.finish != nil {
      end(update)
    } else if hasStopString {
      // It may have ended already, by a later token of this step; its usage is that of this token.
      _ = scheduler.finish(update.handle, reason: .stop)
      end(update.ended(.stop))
    } else {
      active[update.handle]?.deliver()
    }
  }

  private mutating func end(_ update: Update, message: String? = nil) {
    guard let reason = update.finish, var request = active.removeValue(forKey: update.handle) else { return }
    finish(&request, reason, update.usage, message: message)
  }

  /// The one place where a request ends. Its place is free, and the statistics are told, before the caller knows.
  private mutating func finish(
    _ request: inout ActiveRequest, _ reason: FinishReason, _ usage: Usage, message: String?
  ) {
    let reason = request.completeText(reason)
    counted.finishes[reason, default: 0] += 1
    if reason == .stop || reason == .length {
      request.times.complete(
        promptTokens: usage.promptTokens, generatedTokens: usage.completionTokens, &counted.latencies)
    }
    publish()
    inbox.releasePlace()
    request.finish(reason, usage, message: message)
  }

  mutating func publish() {
    (counted.running, counted.waiting) = (scheduler.runningCount, scheduler.waitingCount)
    (counted.freePages, counted.pageCount) = (scheduler.freePages, scheduler.configuration.pageCount)
    (counted.cachedPages, counted.prefixCache) = (scheduler.cachedPages, scheduler.cacheStatistics)
    (counted.preemptions, counted.tokensPerSecond) = (scheduler.preemptions, rate.tokensPerSecond)
    (counted.swaps, counted.failedCopies) = (scheduler.swaps, scheduler.failedCopies)
    counted.shedChunks = scheduler.shedChunks
    (counted.draftedTokens, counted.acceptedTokens) = (scheduler.draftedTokens, scheduler.acceptedTokens)
    (counted.secondLevelCachedPages, counted.secondLevelLentPages) = scheduler.secondLevelPages
    let snapshot = counted
    statistics.value.withLock { $0 = snapshot }
  }
}

/// When a step began and ended, in seconds of the engine's clock.
private struct StepSpan {
  var start: Double, end: Double
}

/// Statistics as the engine's thread published them last.
final class SharedStatistics: Sendable {
  let value: Mutex<EngineStatistics>
  init(contextLength: Int) { value = Mutex(EngineStatistics(contextLength: contextLength)) }
}
