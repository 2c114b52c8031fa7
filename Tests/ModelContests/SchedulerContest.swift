import Paging
import Scheduling

/// One call to a scheduler. Indices are taken modulo the number of live requests, so that any part of a list can be left
/// out.
public enum SchedulerOperation: Sendable, CustomStringConvertible {
  case submit(prompt: [Int32], maxTokens: Int, stopsAt3: Bool, salt: String, priority: Int)
  case cancel(Int)
  case preempt
  case clearCache
  case step
  case failedStep
  /// A step in which one of the rows has no token.
  case stepWithBrokenRow(Int)

  public var description: String {
    switch self {
    case .submit(let prompt, let maxTokens, let stopsAt3, let salt, let priority):
      ".submit(prompt: \(prompt), maxTokens: \(maxTokens), stopsAt3: \(stopsAt3), salt: \"\(salt)\", priority: \(priority)),"
    case .cancel(let index): ".cancel(\(index)),"
    case .preempt: ".preempt,"
    case .clearCache: ".clearCache,"
    case .step: ".step,"
    case .failedStep: ".failedStep,"
    case .stepWithBrokenRow(let row): ".stepWithBrokenRow(\(row)),"
    }
  }

  /// Many prompts begin alike.
  public static func random(
    _ configuration: SchedulerConfiguration, using random: inout some RandomNumberGenerator
  ) -> SchedulerOperation {
    switch Int.random(in: 0..<80, using: &random) {
    case 0..<24:
      let count = Int.random(in: 1...configuration.contextLength, using: &random)
      let shared = Int.random(in: 0...count, using: &random)
      let family = Int32.random(in: 0..<3, using: &random)
      let prompt = (0..<count).map {
        $0 < shared ? (family &* 7 &+ Int32($0)) % 30 : Int32.random(in: 0..<30, using: &random)
      }
      return .submit(
        prompt: prompt, maxTokens: Int.random(in: 1...60, using: &random), stopsAt3: Bool.random(using: &random),
        salt: Int.random(in: 0..<4, using: &random) == 0 ? "x" : "", priority: Int.random(in: -2...2, using: &random))
    case 24, 25: return .cancel(Int.random(in: 0..<64, using: &random))
    case 26, 27: return .preempt
    case 28: return .clearCache
    case 29: return .failedStep
    case 30: return .stepWithBrokenRow(Int.random(in: 0..<16, using: &random))
    default: return .step
    }
  }
}

/// A scheduler with a null model, against one who knows of each request only what it asked for.
public final class SchedulerContest {
  public struct Failure: Error, CustomStringConvertible { public let description: String }

  /// What is known of a live request.
  private struct Known {
    var tokens: [Int32]
    var continuation: NullModel.Continuation
    let promptCount: Int
    let limit: Int
    let stopTokens: Set<Int32>
    let salt: String
    /// Newer requests that were in a batch before this one was.
    var overtakes = 0
    var wasInBatch = false
  }

  private let configuration: SchedulerConfiguration
  private var scheduler: Scheduler
  private var model: NullModel
  private var live: [Int: Known] = [:]
  private var ended: Set<Int> = []
  private var oldest = -1
  private var stepsOfOldest = 0

  private init(_ configuration: SchedulerConfiguration) {
    self.configuration = configuration
    scheduler = Scheduler(configuration)
    model = NullModel(configuration)
  }

  /// What goes wrong, if anything does, in these operations and in letting everything finish afterwards.
  public static func failure(_ configuration: SchedulerConfiguration, _ operations: [SchedulerOperation]) -> Failure? {
    let contest = SchedulerContest(configuration)
    do {
      for operation in operations {
        try contest.play(operation)
        try contest.checkAccounts()
      }
      while !contest.live.isEmpty {
        try contest.play(.step)
        try contest.checkAccounts()
      }
      contest.scheduler.clearCache()
      let free = contest.scheduler.freePages
      try contest.require(free == configuration.pageCount, "\(free) pages are free at the end")
      return nil
    } catch let failure as Failure {
      return failure
    } catch {
      return Failure(description: "\(error)")
    }
  }

  private func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws {
    if !holds { throw Failure(description: sentence()) }
  }

  private func play(_ operation: SchedulerOperation) throws {
    switch operation {
    case .submit(let prompt, let maxTokens, let stopsAt3, let salt, let priority):
      var request = GenerationRequest(id: "r", prompt: prompt, maxTokens: maxTokens)
      if stopsAt3 { request.stop.tokenIDs = [3] }
      (request.cacheSalt, request.priority) = (salt, priority)
      try submit(request)
    case .cancel(let index): try cancel(index)
    case .preempt: scheduler.preemptNewest()
    case .clearCache: scheduler.clearCache()
    case .step, .failedStep, .stepWithBrokenRow: try step(operation)
    }
  }

  private func checkAccounts() throws {
    try scheduler.checkInvariants()
    let (running, waiting) = (scheduler.runningCount, scheduler.waitingCount)
    try require(running + waiting == live.count, "\(running) + \(waiting) ≠ \(live.count) live")
  }

  private func end(_ update: Update, _ reason: FinishReason) throws {
    try require(update.finish == reason, "\(update) should end by \(reason)")
    let isLast = live.removeValue(forKey: update.handle) != nil && ended.insert(update.handle).inserted
    try require(isLast, "\(update) ends a request that is not live")
  }

  private func submit(_ request: GenerationRequest) throws {
    let count = request.prompt.count
    let isFull = live.count == configuration.maxRunning + configuration.maxWaiting
    do {
      let handle = try scheduler.submit(request)
      try require(count < configuration.contextLength && !isFull, "\(handle) was admitted")
      live[handle] = Known(
        tokens: request.prompt,
        continuation: NullModel.Continuation(of: request.prompt, start: Self.start(request.cacheSalt)),
        promptCount: count, limit: min(request.maxTokens, configuration.contextLength - count),
        stopTokens: request.stop.tokenIDs, salt: request.cacheSalt)
    } catch AdmissionError.promptTooLong where count >= configuration.contextLength {
    } catch AdmissionError.overloaded where isFull {
    }
  }

  private static func start(_ salt: String) -> UInt64 { salt.utf8.reduce(17) { $0 &* 31 &+ UInt64($1) } }

  private func cancel(_ index: Int) throws {
    let handles = live.keys.sorted()
    guard !handles.isEmpty else { return }
    let handle = handles[index % handles.count]
    let unheld = scheduler.freePages + scheduler.cachedPages
    guard let update = scheduler.cancel(handle) else { throw Failure(description: "\(handle) was gone") }
    try end(update, .cancelled)
    try require(scheduler.freePages + scheduler.cachedPages >= unheld, "pages were lost by cancelling \(handle)")
    try require(scheduler.cancel(handle) == nil, "\(handle) ended twice")
  }

  private func step(_ operation: SchedulerOperation) throws {
    guard let batch = scheduler.schedule() else {
      try require(live.isEmpty, "\(live.count) are live, but nothing is scheduled")
      return
    }
    try checkShape(of: batch)
    try checkFairness(batch)
    if case .failedStep = operation {
      for update in scheduler.fail(batch) { try end(update, .failed) }
      return
    }
    let sampled = model.run(batch) { Self.start(live[$0]?.salt ?? "") }
    let expected = batch.sequences.filter(\.samples).map { live[$0.handle]?.continuation.nextToken ?? -1 }
    try require(sampled == expected, "\(sampled) instead of \(expected) in \(batch)")
    var brokenRow: Int?
    if case .stepWithBrokenRow(let row) = operation, !sampled.isEmpty { brokenRow = row % sampled.count }
    try commit(batch, sampled, brokenRow)
  }

  private func checkShape(of batch: Batch) throws {
    try require(batch.tokenCount <= configuration.maxBatchTokens, "\(batch.tokenCount) tokens in a step")
    try require(batch.sequences.count <= configuration.maxRunning, "\(batch.sequences.count) sequences in a step")
    try require(Set(batch.sequences.map(\.handle)).count == batch.sequences.count, "a sequence is in the batch twice")
    var written: Set<PageID> = []
    for entry in batch.sequences {
      guard let known = live[entry.handle] else { throw Failure(description: "\(entry.handle) is not live") }
      let pages = (entry.endPosition + configuration.pageSize - 1) / configuration.pageSize
      try require(!entry.tokens.isEmpty && entry.pages.count == pages, "\(entry) should have \(pages) pages")
      try require(entry.endPosition <= known.tokens.count, "\(entry) has \(known.tokens.count) tokens")
      try require(entry.tokens[...] == known.tokens[entry.startPosition..<entry.endPosition], "\(entry): other tokens")
      try require(entry.samples == (entry.endPosition == known.tokens.count), "\(entry) samples: \(entry.samples)")
      for page in entry.pages[(entry.startPosition / configuration.pageSize)...] {
        try require(written.insert(page).inserted, "page \(page) is written by two sequences")
      }
    }
    for entry in batch.sequences {
      for page in entry.pages[..<(entry.startPosition / configuration.pageSize)] {
        try require(!written.contains(page), "page \(page) is written while \(entry.handle) reads it")
      }
    }
  }

  /// Nobody is overtaken more often than allowed, and nobody stays the oldest for ever.
  private func checkFairness(_ batch: Batch) throws {
    for handle in batch.sequences.map(\.handle).sorted() where live[handle]?.wasInBatch == false {
      live[handle]?.wasInBatch = true
      for older in live.keys where older < handle && live[older]?.wasInBatch == false {
        live[older]?.overtakes += 1
        let overtakes = live[older]?.overtakes ?? 0
        // Those that come in the same batch overtake nobody who is in it too.
        let isInBatch = batch.sequences.contains { $0.handle == older }
        try require(isInBatch || overtakes <= configuration.maxOvertakes, "\(older) was overtaken \(overtakes) times")
      }
    }
    let head = live.keys.min() ?? -1
    if head != oldest { (oldest, stepsOfOldest) = (head, 0) }
    stepsOfOldest += 1
    let bound = (configuration.maxOvertakes + configuration.maxRunning + 2) * (4 * configuration.contextLength + 100)
    try require(stepsOfOldest <= bound, "the oldest request, \(head), starves")
  }

  private func commit(_ batch: Batch, _ sampled: [Int32], _ brokenRow: Int?) throws {
    var rows: [Int32?] = sampled
    if let brokenRow { rows[brokenRow] = nil }
    let updates = scheduler.commit(batch, sampled: rows)
    let handles = batch.sequences.filter(\.samples).map(\.handle)
    try require(updates.map(\.handle) == handles, "\(updates) for \(handles)")
    for (update, row) in zip(updates, rows) {
      guard let token = row else {
        try end(update, .failed)
        continue
      }
      live[update.handle]?.tokens.append(token)
      live[update.handle]?.continuation.append(token)
      guard let known = live[update.handle] else { throw Failure(description: "\(update.handle) is not live") }
      let output = known.tokens.count - known.promptCount
      try require(update.token == token && update.usage.completionTokens == output, "\(update) after \(output) tokens")
      try require((0..<known.promptCount).contains(update.usage.cachedTokens), "\(update) of \(known.promptCount)")
      if known.stopTokens.contains(token) {
        try end(update, .stop)
      } else if output == known.limit {
        try end(update, .length)
      } else {
        try require(update.finish == nil, "\(update) ends too early")
      }
    }
  }
}
