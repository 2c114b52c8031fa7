import Scheduling
import Tokenization

/// Runs a day of traffic through the real scheduler, without a model.
///
/// The scheduler decides as it does in the engine; a step takes the seconds that its size costs, on a clock that only
/// counts; the tokens generated are those that the traffic names. Requests that arrive while a step runs are taken in
/// when it ends, as the engine does. Given the same traffic, costs and configuration, the report is the same.
public struct Simulator: Sendable {
  public let traffic: Traffic
  public let costs: StepCosts
  /// What it takes to copy a page to the second level, or back.
  public let secondsPerPageCopy: Double

  /// - Parameters:
  ///   - costs: none of them negative; each at most `StepCosts.largestCost`.
  ///   - secondsPerPageCopy: likewise.
  public init(_ traffic: Traffic, costs: StepCosts, secondsPerPageCopy: Double = 0) {
    (self.traffic, self.costs, self.secondsPerPageCopy) = (traffic, costs, secondsPerPageCopy)
  }

  /// Runs until the last request has been answered.
  public func run(_ configuration: SchedulerConfiguration) -> SimulationReport {
    var day = SimulatedDay(self, configuration)
    while day.step() {}
    return day.report()
  }
}

/// A day that is being run.
///
/// Invariant: `live[handle]` is the request that the scheduler knows by that handle; requests from `next` on have not
/// arrived.
struct SimulatedDay: ~Copyable {
  /// What the clock says of a request that was taken in.
  private struct Progress {
    let index: Int
    /// When its first step began; nil while it waits.
    var started: Double?
    /// When its last token came.
    var lastToken = 0.0
    var produced = 0
  }

  private let traffic: Traffic
  private let costs: StepCosts
  private let secondsPerPageCopy: Double
  private var scheduler: Scheduler
  private var now = 0.0
  private var next = 0
  private var live: [Progress] = []
  private var counts = SimulationReport.Counts()
  private var firstToken = WeightedSamples(), betweenTokens = WeightedSamples()
  private var endToEnd = WeightedSamples(), queueing = WeightedSamples(), stepSeconds = WeightedSamples()

  init(_ simulator: Simulator, _ configuration: SchedulerConfiguration) {
    (traffic, costs, secondsPerPageCopy) = (simulator.traffic, simulator.costs, simulator.secondsPerPageCopy)
    scheduler = Scheduler(configuration, costs: costs)
    scheduler.secondsPerPageCopy = secondsPerPageCopy
    counts.requests = traffic.requests.count
  }

  /// Takes in who has arrived and runs a step; with nothing to run, moves the clock to the next arrival.
  /// - Returns: false when nobody is left.
  mutating func step() -> Bool {
    while next < traffic.requests.count, traffic.requests[next].arrival <= now { takeNext() }
    counts.peakWaiting = max(counts.peakWaiting, scheduler.waitingCount)
    guard let batch = scheduler.schedule() else {
      guard next < traffic.requests.count else { return false }
      now = traffic.requests[next].arrival
      return true
    }
    run(batch)
    return true
  }

  /// Everything that was counted.
  consuming func report() -> SimulationReport {
    (counts.preemptions, counts.swaps) = (scheduler.preemptions, scheduler.swaps)
    counts.cache = scheduler.cacheStatistics
    return SimulationReport(
      configuration: scheduler.configuration, counts: counts, virtualSeconds: now,
      timeToFirstToken: firstToken.summary(),
      interTokenLatency: betweenTokens.summary(), endToEnd: endToEnd.summary(), queueTime: queueing.summary(),
      stepTime: stepSeconds.summary())
  }

  // MARK: Parts

  private mutating func takeNext() {
    let (index, request) = (next, traffic.requests[next])
    next += 1
    // A prompt of any length may be in the file; one that will be refused is not made.
    guard request.inputLength < scheduler.configuration.contextLength else {
      counts.refusedTooLong += 1
      return
    }
    guard request.inputLength > 0 else {
      counts.refusedEmpty += 1
      return
    }
    var generation = GenerationRequest(
      id: "", prompt: traffic.promptTokens(of: index), maxTokens: max(1, request.outputLength))
    (generation.priority, generation.cacheSalt) = (request.priority, request.cacheSalt)
    do {
      let handle = try scheduler.submit(generation)
      precondition(handle == live.count, "handles are counted from 0")
      live.append(Progress(index: index))
    } catch {
      guard case .overloaded = error else { preconditionFailure("a checked request is refused: \(error)") }
      counts.refusedOverloaded += 1
    }
  }

  private mutating func run(_ batch: Batch) {
    let shape = batch.shape
    let computing = costs.seconds(shape)
    let seconds = computing + secondsPerPageCopy * Double(batch.copies.count)
    var sampled: [TokenID?] = []
    sampled.reserveCapacity(shape.rows)
    for entry in batch.sequences {
      let progress = live[entry.handle]
      if progress.started == nil {
        live[entry.handle].started = now
        queueing.add(now - traffic.requests[progress.index].arrival)
      }
      for row in 0..<entry.rowCount {
        sampled.append(traffic.answerToken(of: progress.index, after: progress.produced + row))
      }
    }
    now += seconds
    count(shape, batch, seconds: seconds)
    for update in scheduler.commit(batch, sampled: sampled) { take(update) }
    scheduler.observe(batch, seconds: computing)
  }

  private mutating func count(_ shape: StepShape, _ batch: Batch, seconds: Double) {
    stepSeconds.add(seconds)
    counts.steps += 1
    counts.computedTokens += shape.tokens
    let pages = scheduler.configuration.pageCount
    counts.peakRunning = max(counts.peakRunning, batch.sequences.count)
    counts.peakPagesHeld = max(counts.peakPagesHeld, pages - scheduler.freePages - scheduler.cachedPages)
    counts.peakPagesUsed = max(counts.peakPagesUsed, pages - scheduler.freePages)
  }

  private mutating func take(_ update: Update) {
    let index = live[update.handle].index
    let arrival = traffic.requests[index].arrival
    if update.token != nil {
      if live[update.handle].produced == 0 {
        firstToken.add(now - arrival)
      } else {
        betweenTokens.add(now - live[update.handle].lastToken)
      }
      live[update.handle].produced += 1
      live[update.handle].lastToken = now
      counts.generatedTokens += 1
    }
    if update.finish != nil {
      endToEnd.add(now - arrival)
      counts.finished += 1
      counts.promptTokens += update.usage.promptTokens
      if update.usage.completionTokens < traffic.requests[index].outputLength { counts.cutShort += 1 }
    }
  }
}
