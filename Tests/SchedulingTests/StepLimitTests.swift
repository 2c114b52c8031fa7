import ModelContests
import Scheduling
import Testing

/// Steps that may shed their chunks of prompts.
@Suite struct StepLimitTests {
  /// Of a small model.
  private let costs = StepCosts(fixed: 4e-3, perToken: 6e-4, perPair: 3e-7, perRow: 1.6e-4)

  /// Eight streams that decode, and a prompt that has just come.
  private func driver(target: Double?) throws -> (driver: SchedulerDriver, prompt: Int) {
    let driver = SchedulerDriver(
      try SchedulerConfiguration(
        pageSize: 16, pageCount: 1000, contextLength: 8000, vocabularySize: NullModel.vocabularySize,
        maxBatchTokens: 256, maxRunning: 16, prefixCaching: false, interTokenTarget: target))
    driver.costs = costs
    driver.scheduler.canShed = true
    for number in 0..<8 { try driver.submit(tokens(20, number), maxTokens: 400) }
    for _ in 0..<40 { try driver.step() }
    return (driver, try driver.submit(tokens(2000, 77), maxTokens: 1))
  }

  @Test func aStepWithAPromptBesideStreamsHasALimit() throws {
    let (driver, prompt) = try driver(target: 0.05)
    try driver.step()  // what such steps cost is only guessed yet
    for _ in 0..<20 {
      let batch = try #require(try driver.step()), limit = try #require(batch.limit)
      #expect(limit.kept == 8 && batch.sequences.dropFirst(8).map(\.handle) == [prompt] && !batch.resumes)
      #expect(limit.seconds < 0.05 && (0.04..<limit.seconds).contains(limit.expectedSeconds))
      #expect((0.1..<0.5).contains(limit.keptPart) && (1e-3..<2e-3).contains(limit.tailSeconds))
    }
  }

  @Test func whatWasShedComesAgainAndIsComputedInTheEnd() throws {
    let (driver, prompt) = try driver(target: 0.05), scheduler = driver.scheduler
    for _ in 0..<10 { try driver.step() }
    let sampled = [Int32?](repeating: 1, count: 8)
    var batch = try #require(scheduler.schedule())
    let chunk = try #require(batch.sequences.last)
    #expect(chunk.handle == prompt)
    for sheds in 1...3 {
      let kept = scheduler.shed(batch)
      #expect(kept.sequences == Array(batch.sequences[..<8]) && scheduler.shedChunks == sheds)
      let updates = scheduler.commit(kept, sampled: sampled)
      #expect(updates.map(\.handle) == kept.sequences.map(\.handle))
      try scheduler.checkInvariants()
      batch = try #require(scheduler.schedule())
      #expect(batch.resumes && batch.sequences.last == chunk && (batch.limit == nil) == (sheds == 3))
    }
    _ = scheduler.commit(batch, sampled: sampled)
    let next = try #require(scheduler.schedule())
    #expect(!next.resumes && next.limit != nil && next.sequences.last?.startPosition == chunk.endPosition)
  }

  /// While steps are late whatever they shed, they have no limit; what they take must be learned from all the same.
  @Test func aSpellInWhichNothingHelpsIsForgotten() throws {
    let (driver, prompt) = try driver(target: 0.05)
    func step(_ count: Int, fixed: Double, slower factor: Double) throws -> [Batch] {
      driver.costs = StepCosts(
        fixed: fixed * factor, perToken: costs.perToken * factor, perPair: 0, perRow: costs.perRow * factor)
      return try (0..<count).map { _ in try #require(try driver.step()) }
    }
    _ = try step(20, fixed: 0.035, slower: 1)
    #expect(try step(60, fixed: 0.035, slower: 1.6).contains { $0.limit == nil }, "late whatever is shed")
    let after = try step(80, fixed: 0.035, slower: 1).suffix(5)
    #expect(after.allSatisfy { $0.limit != nil && $0.sequences.last?.handle == prompt })
  }

  @Test(arguments: [nil, 1e-3])
  func aStepThatNoSheddingSavesHasNone(target: Double?) throws {
    let (driver, prompt) = try driver(target: target)
    for _ in 0..<5 {
      let batch = try #require(try driver.step())
      #expect(batch.limit == nil && batch.sequences.last?.handle == prompt)
    }
  }
}
