import ModelContests
import Testing

@testable import Scheduling

/// Steps that may leave their chunks of prompts to the next.
@Suite struct StepLimitTests {
  /// Of a small model.
  private let costs = StepCosts(fixed: 4e-3, perToken: 6e-4, perPair: 3e-7, perRow: 1.6e-4)

  /// Eight streams that decode, and a prompt that has just come.
  private func driver(
    target: Double?, fixed: Double = 4e-3, canShed: Bool = true
  ) throws -> (driver: SchedulerDriver, prompt: Int) {
    let driver = SchedulerDriver(
      try SchedulerConfiguration(
        pageSize: 16, pageCount: 1000, contextLength: 12000, vocabularySize: NullModel.vocabularySize,
        maxBatchTokens: 256, maxRunning: 16, prefixCaching: false, interTokenTarget: target))
    driver.costs = StepCosts(
      fixed: fixed, perToken: costs.perToken, perPair: costs.perPair, perRow: costs.perRow)
    driver.scheduler.canShed = canShed
    for number in 0..<8 { try driver.submit(tokens(20, number), maxTokens: 400) }
    for _ in 0..<40 { try driver.step() }
    return (driver, try driver.submit(tokens(10_000, 77), maxTokens: 1))
  }

  /// A chunk is as large as some steps have time for, almost; and no smaller than what is worth reading weights for.
  @Test func aStepWithAPromptBesideStreamsHasALimit() throws {
    let (driver, prompt) = try driver(target: 0.05)
    for _ in 0..<12 {
      let batch = try #require(try driver.step()), limit = try #require(batch.limit)
      #expect(limit.kept == 8 && batch.sequences.dropFirst(8).map(\.handle) == [prompt] && !batch.resumes)
      #expect((0.035..<0.05).contains(limit.seconds) && limit.seconds..<0.05 ~= limit.lastSeconds)
      #expect((8e-3..<14e-3).contains(limit.keptSeconds) && (1e-3..<2e-3).contains(limit.tailSeconds))
      let tokens = try #require(batch.sequences.last?.tokens.count)
      #expect((100..<240).contains(tokens) && limit.leastPart == 4 / Double(tokens))
      let steps = (limit.wholeSeconds - limit.keptSeconds) / (limit.seconds - limit.keptSeconds)
      #expect(steps > 1 && (0.05..<0.3).contains(steps.rounded(.up) - steps), "\(tokens) tokens fill \(steps) steps")
    }
  }

  @Test func whatWasShedComesAgainUntilItIsDone() throws {
    let (driver, prompt) = try driver(target: 0.05), scheduler = driver.scheduler
    for _ in 0..<10 { try driver.step() }
    let sampled = [Int32?](repeating: 1, count: 8)
    var batch = try #require(scheduler.schedule())
    let chunk = try #require(batch.sequences.last)
    #expect(chunk.handle == prompt)
    // Somebody who comes meanwhile waits until the chunk is done.
    let other = try driver.submit(tokens(3, 5), maxTokens: 1)
    for (sheds, progress) in [0.03, 0.05, 0.1, 0.3, 0.9, 0.92].enumerated() {
      let kept = scheduler.shed(batch, after: progress)
      #expect(kept.sequences == Array(batch.sequences[..<8]) && scheduler.shedChunks == sheds + 1)
      let updates = scheduler.commit(kept, sampled: sampled)
      #expect(updates.map(\.handle) == kept.sequences.map(\.handle))
      try scheduler.checkInvariants()
      batch = try #require(scheduler.schedule())
      #expect(batch.resumes && batch.sequences.count == 9 && batch.sequences.last == chunk && batch.limit != nil)
    }
    _ = scheduler.commit(batch, sampled: sampled)
    let next = try #require(scheduler.schedule())
    #expect(!next.resumes && next.limit != nil && next.sequences[8].startPosition == chunk.endPosition)
    _ = scheduler.commit(next, sampled: sampled)
    while driver.last[other]?.finish == nil { try driver.step() }
  }

  /// When nobody decodes any more, a chunk comes again by itself, to go on where it is.
  @Test func aChunkComesAgainByItselfWhenNobodyDecodes() throws {
    let (driver, prompt) = try driver(target: 0.05), scheduler = driver.scheduler
    let batch = try #require(scheduler.schedule())
    let chunk = try #require(batch.sequences.last)
    _ = scheduler.commit(scheduler.shed(batch, after: 0.3), sampled: [Int32?](repeating: 1, count: 8))
    let other = try driver.submit(tokens(3, 5), maxTokens: 1)
    for handle in 0..<8 { _ = scheduler.cancel(handle) }
    let alone = try #require(scheduler.schedule())
    #expect(alone.sequences == [chunk] && chunk.handle == prompt && alone.resumes && alone.limit == nil)
    // Cancelled while it waits, it keeps nobody waiting.
    _ = scheduler.cancel(prompt)
    _ = scheduler.commit(alone, sampled: [])
    while driver.last[other]?.finish == nil { try driver.step() }
  }

  /// Short prompts that one step has no time for fill some together, and come again in the same order.
  @Test func shortPromptsShareTheirSteps() throws {
    let driver = try driver(target: 0.05).driver, scheduler = driver.scheduler
    _ = scheduler.cancel(8)
    let prompts = try (0..<6).map { try driver.submit(tokens(45, 20 + $0), maxTokens: 1) }
    var batch = try #require(scheduler.schedule())
    let chunks = Array(batch.sequences[8...])
    #expect(chunks.map(\.handle) == Array(prompts.prefix(chunks.count)) && (2...5).contains(chunks.count))
    for progress in [0.2, 0.5] {
      _ = scheduler.commit(scheduler.shed(batch, after: progress), sampled: [Int32?](repeating: 1, count: 8))
      batch = try #require(scheduler.schedule())
      #expect(batch.resumes && Array(batch.sequences[8...]) == chunks)
    }
    _ = scheduler.commit(batch, sampled: [Int32?](repeating: 1, count: batch.sampleCount))
    while prompts.contains(where: { driver.last[$0]?.finish == nil }), try driver.step() != nil {}
  }

  /// A chunk that has to begin again and again is computed as a whole in the end.
  @Test func whatComesNoFurtherIsShedThreeTimesMore() throws {
    let (driver, _) = try driver(target: 0.05), scheduler = driver.scheduler
    var batch = try #require(scheduler.schedule())
    for (sheds, progress) in [0.5, 0.6, 0.1, 0.2, 0.2, 0.05].enumerated() {
      #expect(batch.limit != nil)
      _ = scheduler.commit(scheduler.shed(batch, after: progress), sampled: [Int32?](repeating: 1, count: 8))
      batch = try #require(scheduler.schedule())
      #expect(batch.resumes && (batch.limit == nil) == (sheds == 5))
    }
    _ = scheduler.commit(batch, sampled: [Int32?](repeating: 1, count: 8))
    batch = try #require(scheduler.schedule())
    #expect(batch.limit != nil)
  }

  /// Each step may be asked for as much of a chunk as brings it to its end some time, less what the steps before have done.
  @Test func aChunkThatHasComeFarIsOwedNothing() throws {
    let (driver, _) = try driver(target: 0.05), scheduler = driver.scheduler
    var batch = try #require(scheduler.schedule())
    let step = 4 / Double(try #require(batch.sequences.last?.tokens.count))
    for (progress, owed) in [(1.5 * step, 0.5), (3.25 * step, 0), (3.5 * step, 0.5), (0.5 * step, 1.5)] {
      _ = scheduler.commit(scheduler.shed(batch, after: progress), sampled: [Int32?](repeating: 1, count: 8))
      batch = try #require(scheduler.schedule())
      let limit = try #require(batch.limit)
      #expect(batch.resumes && abs(limit.leastPart - owed * step) < 1e-9, "\(limit.leastPart / step)")
    }
    _ = scheduler.commit(batch, sampled: [Int32?](repeating: 1, count: 8))
  }

  /// While those that decode are late alone, chunks are in a part of the layers in each step; what steps take is learned.
  @Test func aSpellInWhichNothingHelpsIsForgotten() throws {
    let (driver, prompt) = try driver(target: 0.05, fixed: 0.025)
    for (count, factor) in [(3, 1.0), (12, 2.0), (20, 1.0)] {
      let costs = StepCosts(
        fixed: 0.025 * factor, perToken: costs.perToken * factor, perPair: costs.perPair * factor,
        perRow: costs.perRow * factor)
      driver.costs = costs
      for _ in 1..<count { try driver.step() }
      let last = try #require(try driver.step()), limit = try #require(last.limit)
      let kept = costs.seconds(StepShape(tokens: 8, pairs: 8 * 60, rows: 8))
      #expect((kept > 0.05) == (factor == 2), "late whatever is shed")
      #expect(last.sequences.last?.handle == prompt && limit.leastPart < 0.2)
      #expect((0.8..<1.2).contains(limit.wholeSeconds / costs.seconds(last.shape)), "\(factor): \(limit)")
    }
  }

  /// Keeping prompts out would not hold the target: they get half the time that those who decode take, not next to none.
  @Test(arguments: [true, false]) func whereTheTargetIsOutOfReachPromptsGoOn(canShed: Bool) throws {
    let (driver, prompt) = try driver(target: 0.05, fixed: 0.08, canShed: canShed)
    let kept = 0.08 + costs.seconds(StepShape(tokens: 8, pairs: 8 * 60, rows: 8)) - costs.fixed
    for _ in 0..<12 {
      let batch = try #require(try driver.step())
      let chunk = try #require(batch.sequences.last)
      #expect(chunk.handle == prompt && (batch.limit != nil) == canShed)
      if let limit = batch.limit {
        #expect(abs(limit.seconds / limit.keptSeconds - 1.5) < 1e-9 && limit.seconds == limit.lastSeconds)
        #expect(chunk.tokens.count >= 100)
      } else {
        // Where steps cannot shed, tokens that were seen only beside others are reckoned as dear.
        let seconds = try #require(driver.costs).seconds(batch.shape)
        #expect(seconds < 1.55 * kept && chunk.tokens.count >= 12, "\(chunk.tokens.count) tokens")
      }
    }
  }

  /// Within the margin the target may still be held, by keeping prompts out as far as that goes.
  @Test func aTargetThatIsNearIsNotOutOfReach() throws {
    let scheduler = Scheduler(
      try SchedulerConfiguration(
        pageSize: 16, pageCount: 100, contextLength: 800, vocabularySize: NullModel.vocabularySize, maxBatchTokens: 256,
        maxRunning: 16, interTokenTarget: 0.05))
    #expect(scheduler.reachable(0.047, beside: 0.02) == 0.047 && scheduler.reachable(0.047, beside: 0.049) == 0.047)
    #expect(abs(scheduler.reachable(0.047, beside: 0.06) - 0.09) < 1e-12)
  }

  @Test func withoutATargetThereIsNoLimit() throws {
    let (driver, prompt) = try driver(target: nil)
    for _ in 0..<5 {
      let batch = try #require(try driver.step())
      #expect(batch.limit == nil && batch.sequences.last?.handle == prompt)
    }
  }
}
