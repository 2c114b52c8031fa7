import Paging
import Scheduling
import Testing

/// A small generator, so that a failing sequence of operations can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Random submissions, steps, cancellations, failures and forced preemptions against a model that knows only what each
/// request was and what was written into which slot.
@Suite struct SchedulerModelTests {
  @Test(arguments: 0..<60 as Range<UInt64>)
  func anySequenceOfCallsKeepsEveryPromise(seed: UInt64) throws {
    var random = SeededGenerator(state: seed &* 7919)
    let pageSize = 1 << Int.random(in: 0...4, using: &random)
    let configuration = try SchedulerConfiguration(
      pageSize: pageSize, pageCount: Int.random(in: 2...40, using: &random),
      contextLength: Int.random(in: 2...80, using: &random), vocabularySize: 30,
      maxBatchTokens: Int.random(in: 1...40, using: &random), maxRunning: Int.random(in: 1...12, using: &random),
      maxWaiting: Int.random(in: 0...20, using: &random))
    let traffic = Traffic(configuration, random)
    do {
      try traffic.run(operations: 2000)
    } catch {
      let last = traffic.trace.suffix(30).joined(separator: "\n")
      Issue.record("seed \(seed), \(configuration): \(error)\n\(last)")
    }
  }
}

/// The traffic of one random test and what is known about it without asking the scheduler.
private final class Traffic {
  /// What the test knows of a live request.
  struct Known {
    var tokens: [Int32]
    let promptCount: Int
    let limit: Int
    let stopTokens: Set<Int32>
  }
  /// One slot of a KV memory that remembers what was written.
  struct Written: Equatable { let handle: Int, position: Int, token: Int32 }
  struct Failure: Error, CustomStringConvertible { let description: String }

  let configuration: SchedulerConfiguration
  var scheduler: Scheduler
  var random: SeededGenerator
  /// The operations so far, for the report of a failure.
  var trace: [String] = []
  var live: [Int: Known] = [:]
  var ended: Set<Int> = []
  var slots: [Written?]
  /// Steps since the oldest request changed; bounded, because the oldest always progresses.
  var oldest = -1
  var stepsOfOldest = 0

  init(_ configuration: SchedulerConfiguration, _ random: SeededGenerator) {
    (self.configuration, self.random) = (configuration, random)
    scheduler = Scheduler(configuration)
    slots = Array(repeating: nil, count: configuration.pageCount * configuration.pageSize)
  }

  func run(operations: Int) throws {
    for operation in 0..<operations {
      switch Int.random(in: 0..<40, using: &random) {
      case 0..<12: try submit("\(operation)")
      case 12: try cancel()
      case 13:
        trace.append("preempt")
        scheduler.preemptNewest()
      case 14: try step(fails: true)
      default: try step(fails: false)
      }
      try checkAccounts()
    }
    // Nothing new arrives any more: what is live must come to its end.
    while !live.isEmpty {
      try step(fails: false)
      try checkAccounts()
    }
    try require(scheduler.freePages == configuration.pageCount, "\(scheduler.freePages) pages are free at the end")
  }

  private func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws {
    if !holds { throw Failure(description: sentence()) }
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

  private func submit(_ id: String) throws {
    let count = Int.random(in: 1...configuration.contextLength, using: &random)
    let prompt = (0..<count).map { _ in Int32.random(in: 0..<30, using: &random) }
    var request = GenerationRequest(id: id, prompt: prompt, maxTokens: Int.random(in: 1...60, using: &random))
    if Bool.random(using: &random) { request.stop.tokenIDs = [3] }
    let isFull = live.count == configuration.maxRunning + configuration.maxWaiting
    do {
      let handle = try scheduler.submit(request)
      trace.append("submit \(handle): \(count) + \(request.maxTokens)")
      try require(count < configuration.contextLength && !isFull, "\(handle) was admitted")
      live[handle] = Known(
        tokens: prompt, promptCount: count, limit: min(request.maxTokens, configuration.contextLength - count),
        stopTokens: request.stop.tokenIDs)
    } catch AdmissionError.promptTooLong where count >= configuration.contextLength {
    } catch AdmissionError.overloaded where isFull {
    }
  }

  private func cancel() throws {
    guard let handle = live.keys.sorted().randomElement(using: &random) else { return }
    trace.append("cancel \(handle)")
    let held = scheduler.freePages
    guard let update = scheduler.cancel(handle) else { throw Failure(description: "\(handle) was gone") }
    try end(update, .cancelled)
    try require(scheduler.freePages >= held, "pages were lost by cancelling \(handle)")
    try require(scheduler.cancel(handle) == nil, "\(handle) ended twice")
  }

  private func step(fails: Bool) throws {
    guard let batch = scheduler.schedule() else {
      try require(live.isEmpty, "\(live.count) are live, but nothing is scheduled")
      return
    }
    trace.append("step \(batch.sequences.map { "\($0.handle):\($0.startPosition)+\($0.tokens.count)" })")
    try checkShape(of: batch)
    try playModel(batch)
    try checkProgress(batch)
    if fails {
      for update in scheduler.fail(batch) { try end(update, .failed) }
    } else {
      try commit(batch)
    }
  }

  private func checkShape(of batch: Batch) throws {
    try require(batch.tokenCount <= configuration.maxBatchTokens, "\(batch.tokenCount) tokens in a step")
    try require(batch.sequences.count <= configuration.maxRunning, "\(batch.sequences.count) sequences in a step")
    try require(Set(batch.sequences.map(\.handle)).count == batch.sequences.count, "a sequence is in the batch twice")
    for entry in batch.sequences {
      guard let known = live[entry.handle] else { throw Failure(description: "\(entry.handle) is not live") }
      let pages = (entry.endPosition + configuration.pageSize - 1) / configuration.pageSize
      try require(!entry.tokens.isEmpty && entry.pages.count == pages, "\(entry) should have \(pages) pages")
      try require(entry.samples == (entry.endPosition == known.tokens.count), "\(entry) samples: \(entry.samples)")
    }
  }

  /// Writes the batch into the slots and reads every sequence back through its pages.
  private func playModel(_ batch: Batch) throws {
    let pageSize = configuration.pageSize
    func slot(_ entry: BatchSequence, _ position: Int) -> Int {
      Int(entry.pages[position / pageSize]) * pageSize + position % pageSize
    }
    for entry in batch.sequences {
      for (offset, token) in entry.tokens.enumerated() {
        let position = entry.startPosition + offset
        slots[slot(entry, position)] = Written(handle: entry.handle, position: position, token: token)
      }
    }
    for entry in batch.sequences {
      let tokens = live[entry.handle]?.tokens ?? []
      for position in 0..<entry.endPosition {
        let expected = Written(handle: entry.handle, position: position, token: tokens[position])
        let found = slots[slot(entry, position)]
        try require(found == expected, "expected \(expected), found \(found as Any)")
      }
    }
  }

  /// The oldest request is in every batch and is the oldest only for a bounded number of steps.
  private func checkProgress(_ batch: Batch) throws {
    let head = live.keys.min() ?? -1
    if head != oldest { (oldest, stepsOfOldest) = (head, 0) }
    stepsOfOldest += 1
    try require(batch.sequences.contains { $0.handle == head }, "the oldest request, \(head), is left out")
    try require(stepsOfOldest <= 4 * configuration.contextLength + 100, "the oldest request, \(head), starves")
  }

  /// The next token, a function of all tokens before it.
  private func nextToken(after tokens: [Int32]) -> Int32 {
    var hash: UInt32 = 2_166_136_261
    for token in tokens { hash = (hash ^ UInt32(bitPattern: token)) &* 16_777_619 }
    return Int32((hash >> 7) % 30)
  }

  private func commit(_ batch: Batch) throws {
    let sampling = batch.sequences.filter(\.samples)
    let tokens = sampling.map { nextToken(after: live[$0.handle]?.tokens ?? []) }
    let updates = scheduler.commit(batch, sampled: tokens)
    try require(updates.map(\.handle) == sampling.map(\.handle), "\(updates) for \(sampling.map(\.handle))")
    for (update, token) in zip(updates, tokens) {
      live[update.handle]?.tokens.append(token)
      guard let known = live[update.handle] else { throw Failure(description: "\(update.handle) is not live") }
      let output = known.tokens.count - known.promptCount
      try require(update.token == token && update.usage.completionTokens == output, "\(update) after \(output) tokens")
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
