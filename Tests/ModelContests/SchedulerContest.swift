import Paging
import Scheduling

/// One call to a scheduler. Indices are taken modulo the number of live requests, so that any part of a list can be left
/// out.
public enum SchedulerOperation: Sendable, CustomStringConvertible {
  case submit(prompt: [Int32], maxTokens: Int, stopsAt3: Bool, salt: String, priority: Int)
  case cancel(Int)
  case preempt(PreemptionMethod?)
  case clearCache
  /// All cached pages go to the second level.
  case evictCache
  case step
  case failedStep
  /// A step in which one of the rows has no token.
  case stepWithBrokenRow(Int)
  /// A step that sheds the chunks of prompts, if it may.
  case stepThatSheds
  /// A step in which one of the copies between the levels fails.
  case stepWithBrokenCopy(Int)

  public var description: String {
    switch self {
    case .submit(let prompt, let maxTokens, let stopsAt3, let salt, let priority):
      ".submit(prompt: \(prompt), maxTokens: \(maxTokens), stopsAt3: \(stopsAt3), salt: \"\(salt)\", priority: \(priority)),"
    case .cancel(let index): ".cancel(\(index)),"
    case .preempt(let method): ".preempt(\(method.map { ".\($0)" } ?? "nil")),"
    case .clearCache: ".clearCache,"
    case .evictCache: ".evictCache,"
    case .step: ".step,"
    case .failedStep: ".failedStep,"
    case .stepWithBrokenRow(let row): ".stepWithBrokenRow(\(row)),"
    case .stepThatSheds: ".stepThatSheds,"
    case .stepWithBrokenCopy(let copy): ".stepWithBrokenCopy(\(copy)),"
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
    case 26...29: return .preempt([nil, .recompute, .swap, .swap][Int.random(in: 0..<4, using: &random)])
    case 30: return Bool.random(using: &random) ? .clearCache : .evictCache
    case 31: return .failedStep
    case 32: return .stepWithBrokenRow(Int.random(in: 0..<16, using: &random))
    case 33, 34: return .stepWithBrokenCopy(Int.random(in: 0..<16, using: &random))
    case 35..<45: return .stepThatSheds
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
  /// What the last step has shed.
  private var shed: [BatchSequence] = [], preemptionsBefore = 0
  /// How far that was, and how often it was no further than the time before.
  private var shedProgress = 0.0, setbacks = 0
  /// Steps that followed another without a decision.
  private var rounds = 0

  private init(_ configuration: SchedulerConfiguration) {
    self.configuration = configuration
    scheduler = Scheduler(configuration)
    // So that a step has time for few pages where there is a target.
    scheduler.secondsPerPageCopy = [0, 1e-5, 1e-3][configuration.pageCount % 3]
    scheduler.canShed = configuration.pageCount % 2 == 0
    model = NullModel(configuration)
  }

  /// Tokens that were guessed and held, and pages that came back from the second level, of all contests; so that a test can
  /// tell that such things happened.
  public struct Seen: Sendable {
    public var accepted = 0, loaded = 0, swaps = 0, failedCopies = 0, rounds = 0, shed = 0
    public init() {}
  }

  /// What goes wrong, if anything does, in these operations and in letting everything finish afterwards.
  public static func failure(
    _ configuration: SchedulerConfiguration, _ operations: [SchedulerOperation], seen: inout Seen
  ) -> Failure? {
    let contest = SchedulerContest(configuration)
    defer {
      seen.accepted += contest.scheduler.acceptedTokens
      seen.loaded += contest.scheduler.cacheStatistics.loadedPages
      seen.swaps += contest.scheduler.swaps
      seen.failedCopies += contest.scheduler.failedCopies
      seen.rounds += contest.rounds
      seen.shed += contest.scheduler.shedChunks
    }
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

  public static func failure(_ configuration: SchedulerConfiguration, _ operations: [SchedulerOperation]) -> Failure? {
    var seen = Seen()
    return failure(configuration, operations, seen: &seen)
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
    case .preempt(let method): scheduler.preemptNewest(by: method)
    case .clearCache: scheduler.clearCache()
    case .evictCache: scheduler.evictCache()
    case .step, .failedStep, .stepWithBrokenRow, .stepThatSheds, .stepWithBrokenCopy: try step(operation)
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
    guard var batch = scheduler.schedule() else {
      shed = []
      try require(live.isEmpty, "\(live.count) are live, but nothing is scheduled")
      return
    }
    try checkFairness(batch)
    try checkShed(batch)
    while true {
      guard try copy(batch, operation) else { return }
      guard try run(batch, operation), batch.rounds > 1, let next = scheduler.scheduleNext(after: batch) else { return }
      try checkRound(next, after: batch)
      batch = next
    }
  }

  /// - Returns: whether the batch stands.
  private func copy(_ batch: Batch, _ operation: SchedulerOperation) throws -> Bool {
    var broken: Int?
    if case .stepWithBrokenCopy(let copy) = operation, !batch.copies.isEmpty { broken = copy % batch.copies.count }
    let failed = model.copy(batch.copies) { $0 == broken }
    try require(broken != nil || !failed.contains(true), "\(batch.copies) load what was not saved")
    return scheduler.noteCopies(batch, failed: failed)
  }

  /// - Returns: whether it was committed.
  private func run(_ batch: Batch, _ operation: SchedulerOperation) throws -> Bool {
    try checkShape(of: batch)
    let scheduled = batch
    var batch = batch
    if case .stepThatSheds = operation, let limit = batch.limit {
      shed = Array(batch.sequences[limit.kept...])
      // Often further than the time before, and not always.
      let progress = Double((7 * scheduler.shedChunks + batch.tokenCount) % 40) / 40
      if progress <= shedProgress { setbacks += 1 }
      shedProgress = progress
      preemptionsBefore = scheduler.preemptions
      model.spoil(batch.sequences[limit.kept...], batch)
      batch = scheduler.shed(batch, after: progress)
    }
    if case .failedStep = operation {
      for update in scheduler.fail(batch) { try end(update, .failed) }
      return false
    }
    let sampled = model.run(batch) { Self.start(live[$0]?.salt ?? "") }
    let expected = batch.sequences.filter(\.samples).flatMap { expectedRows($0) }
    try require(sampled == expected, "\(sampled) instead of \(expected) in \(batch)")
    var brokenRow: Int?
    if case .stepWithBrokenRow(let row) = operation, !sampled.isEmpty { brokenRow = row % sampled.count }
    try commit(batch, sampled, brokenRow)
    scheduler.observe(
      scheduled, seconds: 1e-3 * Double(5 + batch.tokenCount % 7),
      wholeSeconds: shed.isEmpty ? nil : 1e-3 * Double(9 + batch.tokenCount % 7))
    return true
  }

  /// A limit keeps those that decode, and what the last step has shed comes again as it was: with fewer tokens where others
  /// take the budget, and anew where it was preempted.
  private func checkShed(_ batch: Batch) throws {
    defer { shed = [] }
    if shed.isEmpty { (shedProgress, setbacks) = (0, 0) }
    if let limit = batch.limit {
      let isRight = (1..<batch.sequences.count).contains(limit.kept) && setbacks < 3
      try require(isRight, "\(batch) has the limit \(limit)")
      for entry in batch.sequences[..<limit.kept] {
        try require(entry.samples && !entry.isChunk, "\(entry) is kept and does not decode")
      }
    }
    try require(batch.resumes == !shed.isEmpty, "\(batch) resumes: \(batch.resumes)")
    for entry in batch.sequences where scheduler.preemptions == preemptionsBefore {
      guard let before = shed.first(where: { $0.handle == entry.handle && $0.startPosition == entry.startPosition })
      else { continue }
      try require(entry.tokens.count <= before.tokens.count, "\(entry) comes again with more than \(before)")
    }
  }

  /// What is to be chosen from each row: behind the certain tokens, and behind each guess.
  private func expectedRows(_ entry: BatchSequence) -> [Int32] {
    guard var continuation = live[entry.handle]?.continuation else { return [] }
    var rows = [continuation.nextToken]
    for guess in entry.tokens.suffix(entry.drafts) {
      continuation.append(guess)
      rows.append(continuation.nextToken)
    }
    return rows
  }

  /// A step without a decision holds those that are live of the one before, decoding, and needs nothing.
  private func checkRound(_ batch: Batch, after last: Batch) throws {
    let handles = last.sequences.map(\.handle).filter { live[$0] != nil }
    try require(batch.sequences.map(\.handle) == handles, "\(batch) follows \(last)")
    try require(batch.rounds == last.rounds - 1 && scheduler.waitingCount == 0, "\(batch) should not follow")
    try require(batch.copies.isEmpty, "\(batch) has copies")
    rounds += 1
  }

  private func checkShape(of batch: Batch) throws {
    try require(batch.tokenCount <= configuration.maxBatchTokens, "\(batch.tokenCount) tokens in a step")
    try require(batch.sequences.count <= configuration.maxRunning, "\(batch.sequences.count) sequences in a step")
    try require(batch.sampleCount <= configuration.maxSampledRows, "\(batch.sampleCount) rows in a step")
    try require(Set(batch.sequences.map(\.handle)).count == batch.sequences.count, "a sequence is in the batch twice")
    var written: Set<PageID> = []
    for entry in batch.sequences {
      guard let known = live[entry.handle] else { throw Failure(description: "\(entry.handle) is not live") }
      let pages = (entry.endPosition + configuration.pageSize - 1) / configuration.pageSize
      try require(!entry.tokens.isEmpty && entry.pages.count == pages, "\(entry) should have \(pages) pages")
      let end = entry.endPosition - entry.drafts
      try require(end <= known.tokens.count, "\(entry) has \(known.tokens.count) tokens")
      try require(
        entry.tokens.dropLast(entry.drafts) == known.tokens[entry.startPosition..<end], "\(entry): other tokens")
      try require(entry.samples == (end == known.tokens.count), "\(entry) samples: \(entry.samples)")
      try require(entry.drafts == 0 || entry.samples, "\(entry) guesses without a row")
      let left = known.limit - (known.tokens.count - known.promptCount)
      try require(entry.drafts < left, "\(entry) guesses beyond its \(left) tokens")
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
    var updates = scheduler.commit(batch, sampled: rows)[...]
    var row = 0
    for entry in batch.sequences where entry.samples {
      try take(entry, rows[row..<row + entry.rowCount], &updates)
      row += entry.rowCount
    }
    try require(updates.isEmpty, "\(updates) are too many")
  }

  /// Takes the updates of one sequence: a row's token, and the next row's if that token was guessed.
  private func take(_ entry: BatchSequence, _ rows: ArraySlice<Int32?>, _ updates: inout ArraySlice<Update>) throws {
    let guesses = Array(entry.tokens.suffix(entry.drafts))
    for (index, row) in rows.enumerated() {
      guard let update = updates.first, update.handle == entry.handle, update.row == rows.startIndex + index else {
        throw Failure(description: "\(updates.first.map { "\($0)" } ?? "nothing") for row \(index) of \(entry)")
      }
      updates.removeFirst()
      guard let token = row else {
        try end(update, .failed)
        return
      }
      live[update.handle]?.tokens.append(token)
      live[update.handle]?.continuation.append(token)
      guard let known = live[update.handle] else { throw Failure(description: "\(update.handle) is not live") }
      let output = known.tokens.count - known.promptCount
      try require(update.token == token && update.usage.completionTokens == output, "\(update) after \(output) tokens")
      try require((0..<known.promptCount).contains(update.usage.cachedTokens), "\(update) of \(known.promptCount)")
      if known.stopTokens.contains(token) { return try end(update, .stop) }
      if output == known.limit { return try end(update, .length) }
      try require(update.finish == nil, "\(update) ends too early")
      // The next row stands only behind a guess that held, and if something could be chosen from it.
      guard index < guesses.count, guesses[index] == token, rows[rows.startIndex + index + 1] != nil else { return }
    }
  }
}
