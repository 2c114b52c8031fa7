import Scheduling
import Testing

@Suite struct SchedulerTests {
  private func configuration(
    pageSize: Int = 4, pageCount: Int = 64, contextLength: Int = 256, maxBatchTokens: Int = 16, maxRunning: Int = 8,
    maxWaiting: Int = 8
  ) throws -> SchedulerConfiguration {
    try SchedulerConfiguration(
      pageSize: pageSize, pageCount: pageCount, contextLength: contextLength, vocabularySize: 100,
      maxBatchTokens: maxBatchTokens, maxRunning: maxRunning, maxWaiting: maxWaiting)
  }

  private func request(prompt count: Int, maxTokens: Int = 4) -> GenerationRequest {
    GenerationRequest(id: "r", prompt: (0..<Int32(count)).map { $0 % 100 }, maxTokens: maxTokens)
  }

  @Test func aPromptIsProcessedInChunksAndOnlyTheLastOneSamples() throws {
    let scheduler = SharedScheduler(try configuration(maxBatchTokens: 16))
    let handle = try scheduler.submit(request(prompt: 40))
    var starts: [Int] = []
    for samples in [false, false, true] {
      let batch = try #require(scheduler.schedule())
      let entry = try #require(batch.sequences.first)
      #expect(entry.handle == handle && entry.samples == samples)
      #expect(entry.pages.count == (entry.endPosition + 3) / 4)
      starts.append(entry.startPosition)
      let updates = scheduler.commit(batch, sampled: samples ? [7] : [])
      #expect(updates.map(\.token) == (samples ? [7] : []))
    }
    #expect(starts == [0, 16, 32])
    let decode = try #require(scheduler.schedule()?.sequences.first)
    #expect(decode.tokens == [7] && decode.startPosition == 40 && decode.samples)
  }

  @Test func decodingNeverWaitsForALongPrompt() throws {
    let scheduler = SharedScheduler(try configuration(maxBatchTokens: 16))
    let short = try scheduler.submit(request(prompt: 3, maxTokens: 50))
    let first = try #require(scheduler.schedule())
    _ = scheduler.commit(first, sampled: [1])
    let long = try scheduler.submit(request(prompt: 100))
    for _ in 0..<5 {
      let batch = try #require(scheduler.schedule())
      #expect(batch.sequences.map(\.handle) == [short, long])
      #expect(batch.sequences.map(\.tokens.count) == [1, 15])
      #expect(batch.tokenCount == 16 && batch.sampleCount == 1)
      _ = scheduler.commit(batch, sampled: [1])
    }
  }

  @Test func aStopTokenEndsTheRequestAndCounts() throws {
    let scheduler = SharedScheduler(try configuration())
    var stopping = request(prompt: 2)
    stopping.stop.tokenIDs = [5, 9]
    var ignoring = stopping
    ignoring.stop.ignoresStopTokens = true
    let a = try scheduler.submit(stopping)
    let b = try scheduler.submit(ignoring)
    let batch = try #require(scheduler.schedule())
    let updates = scheduler.commit(batch, sampled: [9, 9])
    #expect(updates.map(\.handle) == [a, b])
    #expect(updates.map(\.finish) == [.stop, nil])
    #expect(updates.map(\.token) == [9, 9])
    #expect(updates.map(\.usage.completionTokens) == [1, 1])
    #expect(scheduler.runningCount == 1)
  }

  @Test func theOutputEndsAtItsLimitOrWhenTheContextIsFull() throws {
    for (maxTokens, expected) in [(1, 1), (3, 3), (6, 6), (7, 6), (Int.max, 6)] {
      let scheduler = SharedScheduler(try configuration(contextLength: 16))
      _ = try scheduler.submit(request(prompt: 10, maxTokens: maxTokens))
      var last: Update?
      while let batch = scheduler.schedule() {
        last = scheduler.commit(batch, sampled: Array(repeating: 3, count: batch.sampleCount)).last ?? last
      }
      #expect(last?.finish == .length)
      #expect(last?.usage == Usage(promptTokens: 10, completionTokens: expected, cachedTokens: 0))
      #expect(scheduler.freePages + scheduler.cachedPages == 64)
    }
  }

  @Test func theContextIsNeverMoreThanThePagesHold() throws {
    let small = try configuration(pageSize: 4, pageCount: 3, contextLength: 1000)
    #expect(small.contextLength == 12)
    let scheduler = SharedScheduler(small)
    #expect(throws: AdmissionError.promptTooLong(promptTokens: 12, limit: 11)) {
      try scheduler.submit(request(prompt: 12))
    }
    _ = try scheduler.submit(request(prompt: 11))
  }

  @Test func cancellingFreesPagesAtOnceRunningOrWaiting() throws {
    let scheduler = SharedScheduler(try configuration(maxRunning: 1))
    let runs = try scheduler.submit(request(prompt: 10))
    let waits = try scheduler.submit(request(prompt: 10))
    let batch = try #require(scheduler.schedule())
    #expect(scheduler.runningCount == 1 && scheduler.waitingCount == 1 && scheduler.freePages == 61)
    #expect(scheduler.cancel(waits)?.finish == .cancelled)
    #expect(scheduler.cancel(runs)?.finish == .cancelled)
    #expect(scheduler.cancel(runs) == nil)
    #expect(scheduler.freePages == 64 && scheduler.isIdle)
    #expect(scheduler.commit(batch, sampled: [1]).isEmpty)
    #expect(scheduler.schedule() == nil)
  }

  @Test func aFailedStepEndsItsOwnRequestsOnly() throws {
    let scheduler = SharedScheduler(try configuration(maxRunning: 2))
    let handles = try (0..<3).map { _ in try scheduler.submit(request(prompt: 2)) }
    let batch = try #require(scheduler.schedule())
    let updates = scheduler.fail(batch)
    #expect(updates.map(\.handle) == Array(handles[..<2]))
    #expect(updates.allSatisfy { $0.finish == .failed })
    #expect(scheduler.schedule()?.sequences.map(\.handle) == [handles[2]])
  }

  @Test func aRowWithoutATokenFailsItsRequestAlone() throws {
    let scheduler = SharedScheduler(try configuration())
    for _ in 0..<3 { _ = try scheduler.submit(request(prompt: 2)) }
    let batch = try #require(scheduler.schedule())
    #expect(scheduler.commit(batch, sampled: [1, nil, 100]).map(\.finish) == [nil, .failed, .failed])
  }

  @Test func theNewestGivesWayWhenPagesRunOut() throws {
    // Two sequences of 8 tokens fill all pages; the next token of each needs one more.
    let scheduler = SharedScheduler(try configuration(pageSize: 4, pageCount: 5, contextLength: 20))
    let old = try scheduler.submit(request(prompt: 7, maxTokens: 10))
    let new = try scheduler.submit(GenerationRequest(id: "r", prompt: [9, 8, 7, 6, 5, 4, 3], maxTokens: 10))
    var ended: [Int] = []
    var sawOldAlone = false
    while let batch = scheduler.schedule() {
      #expect(batch.sequences.contains { $0.handle == old } || ended.contains(old))
      if scheduler.preemptions > 0, !ended.contains(old) {
        #expect(batch.sequences.map(\.handle) == [old])
        sawOldAlone = true
      }
      let updates = scheduler.commit(batch, sampled: Array(repeating: 2, count: batch.sampleCount))
      ended += updates.filter { $0.finish != nil }.map(\.handle)
      try scheduler.checkInvariants()
    }
    #expect(ended == [old, new] && sawOldAlone && scheduler.preemptions == 1)
  }

  @Test func impossibleSizesAreRefusedByName() throws {
    let error = #expect(throws: SchedulerConfigurationError.self) { try configuration(pageSize: 12) }
    #expect(error?.description == "pageSize is 12; it must be a power of two")
    #expect(throws: SchedulerConfigurationError.self) { try configuration(pageSize: 1, pageCount: 1) }
    #expect(throws: SchedulerConfigurationError.self) { try configuration(pageSize: 1 << 40) }
    #expect(throws: SchedulerConfigurationError.self) { try configuration(maxBatchTokens: 0) }
    #expect(try configuration(maxBatchTokens: 3, maxRunning: 8).maxRunning == 3)
  }
}
