import ModelContests
import Paging
import Scheduling

/// A scheduler with a null model, run step by step; invariants are checked after each.
final class SchedulerDriver {
  let scheduler: SharedScheduler
  private let configuration: SchedulerConfiguration
  private var model: NullModel
  /// Tokens of each request's output, and its last update.
  private(set) var outputs: [Int: [Int32]] = [:]
  private(set) var last: [Int: Update] = [:]
  /// Tokens that were put through the model.
  private(set) var computedTokens = 0
  /// Handles in the order of their first batch.
  private(set) var admitted: [Int] = []
  private(set) var mostHeldPages = 0
  /// What steps take, for the scheduler to learn; nil tells it nothing.
  var costs: StepCosts?

  init(_ configuration: SchedulerConfiguration) {
    self.configuration = configuration
    scheduler = SharedScheduler(configuration)
    model = NullModel(configuration)
  }

  @discardableResult func submit(
    _ prompt: [Int32], maxTokens: Int = 4, salt: String = "", priority: Int = 0
  ) throws -> Int {
    var request = GenerationRequest(id: "r", prompt: prompt, maxTokens: maxTokens)
    (request.cacheSalt, request.priority) = (salt, priority)
    return try scheduler.submit(request)
  }

  /// Runs one step.
  /// - Returns: the batch, or nil when there was nothing to do.
  @discardableResult func step() throws -> Batch? {
    guard let batch = scheduler.schedule() else { return nil }
    computedTokens += batch.tokenCount
    for handle in batch.sequences.map(\.handle) where !admitted.contains(handle) { admitted.append(handle) }
    mostHeldPages = max(
      mostHeldPages, configuration.pageCount - scheduler.freePages - scheduler.cachedPages)
    let failed = model.copy(batch.copies)
    if failed.contains(true) || !scheduler.noteCopies(batch, failed: failed) { throw CopyFailure() }
    for update in scheduler.commit(batch, sampled: model.run(batch) { _ in 0 }) {
      if let token = update.token { outputs[update.handle, default: []].append(token) }
      last[update.handle] = update
    }
    if let costs { scheduler.observe(batch, seconds: costs.seconds(batch.shape)) }
    try scheduler.checkInvariants()
    return batch
  }

  /// Steps until every request has ended.
  func finish() throws {
    while try step() != nil {}
  }

  /// Runs a request to its end, alone.
  func run(_ prompt: [Int32], maxTokens: Int = 4, salt: String = "") throws -> Update? {
    let handle = try submit(prompt, maxTokens: maxTokens, salt: salt)
    try finish()
    return last[handle]
  }

  /// The output as computed without a scheduler.
  static func expected(_ prompt: [Int32], count: Int) -> [Int32] {
    var continuation = NullModel.Continuation(of: prompt)
    return (0..<count).map { _ in
      let token = continuation.nextToken
      continuation.append(token)
      return token
    }
  }
}

/// A page was to be loaded that was not saved.
struct CopyFailure: Error {}

/// Tokens that differ for each number.
func tokens(_ count: Int, _ number: Int = 0) -> [Int32] {
  (0..<count).map { Int32(($0 * 11 + number * 7 + $0 * $0 * (number + 1)) % NullModel.vocabularySize) }
}
