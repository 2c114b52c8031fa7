import Paging
import Scheduling
import Synchronization
import Testing

@testable import Generation

/// Guesses, steps without decisions, swapping and the second level, seen from outside: every output is what it is without.
@Suite struct EngineAheadTests {
  private func configuration(
    pageCount: Int = 64, maxRunning: Int = 8, rounds: Int = 1, drafts: Int = 0, slots: Int = 0,
    preemption: PreemptionMethod = .cheapest, prefixCaching: Bool = true
  ) throws -> SchedulerConfiguration {
    try SchedulerConfiguration(
      pageSize: 4, pageCount: pageCount, contextLength: 128, vocabularySize: ScriptedRunner.vocabulary,
      maxBatchTokens: 32, maxRunning: maxRunning, maxWaiting: 256, prefixCaching: prefixCaching, decodeRounds: rounds,
      draftTokens: drafts, secondLevelPages: slots, preemption: preemption)
  }

  private var repetitive: ScriptedRunner.Script {
    var script = ScriptedRunner.Script()
    script.isRepetitive = true
    return script
  }

  private func all(_ engine: Engine, _ requests: [GenerationRequest]) async throws -> [Transcript] {
    try await withThrowingTaskGroup(of: (Int, Transcript).self) { group in
      for (index, request) in requests.enumerated() {
        let events = try engine.generate(request)
        group.addTask { (index, await Transcript(events)) }
      }
      var transcripts: [Int: Transcript] = [:]
      for try await (index, transcript) in group { transcripts[index] = transcript }
      return requests.indices.compactMap { transcripts[$0] }
    }
  }

  @Test func guessesThatHoldChangeNothingButTheNumberOfSteps() async throws {
    let expected = ScriptedRunner.output(after: prompt(1, count: 9), count: 80, isRepetitive: true)
    var steps: [Int] = []
    for drafts in [0, 1, 6] {
      let engine = try await makeEngine(configuration(drafts: drafts), script: repetitive)
      let result = await Transcript(try engine.generate(greedy(prompt(1, count: 9), maxTokens: 80)))
      #expect(result.tokens == expected && result.finals == [.length] && result.usage?.completionTokens == 80)
      let counts = engine.statistics
      #expect(counts.generatedTokens == 80 && (counts.acceptedTokens > 8) == (drafts > 0))
      #expect(counts.acceptedTokens <= counts.draftedTokens)
      steps.append(counts.steps)
      await engine.shutdown()
    }
    #expect(steps[2] < steps[1] && steps[1] < steps[0], "\(steps)")
  }

  @Test func drawsAndPenaltiesBehindGuessesAreThoseOfTheTokensTheyStandFor() async throws {
    var requests: [GenerationRequest] = []
    for number in 0..<24 {
      var request = greedy(prompt(number, count: 3 + number % 7), maxTokens: 40)
      if number % 2 == 1 { (request.sampling.temperature, request.sampling.seed) = (0.8, UInt64(number)) }
      if number % 3 == 1 { request.sampling.frequencyPenalty = 0.4 }
      if number % 4 == 1 { request.sampling.topLogprobs = 2 }
      requests.append(request)
    }
    let plain = try await makeEngine(configuration(), script: repetitive)
    let expected = try await all(plain, requests)
    await plain.shutdown()
    for (rounds, drafts, running) in [(1, 5, 8), (8, 0, 8), (8, 5, 2), (3, 2, 1)] {
      let ahead = try await makeEngine(
        configuration(maxRunning: running, rounds: rounds, drafts: drafts), script: repetitive)
      for (result, plain) in zip(try await all(ahead, requests), expected) {
        #expect(result.tokens == plain.tokens && result.text == plain.text && result.logprobs == plain.logprobs)
        #expect(result.finals == plain.finals && result.usage?.completionTokens == plain.usage?.completionTokens)
      }
      #expect(drafts == 0 || ahead.statistics.acceptedTokens > 0)
      #expect(ahead.statistics.generatedTokens == 24 * 40)
      await ahead.shutdown()
    }
  }

  @Test func nothingBehindAStopReachesTheCaller() async throws {
    let input = prompt(1, count: 9)
    let free = ScriptedRunner.output(after: input, count: 60, isRepetitive: true)
    let text = LetterDecoder.text(free)
    let engine = try await makeEngine(configuration(rounds: 8, drafts: 6), script: repetitive)
    for index in stride(from: 0, to: 60, by: 7) {
      var request = greedy(input, maxTokens: 60)
      request.stop.tokenIDs = [free[index]]
      let stopped = await Transcript(try engine.generate(request))
      let expected = Array(free.prefix { $0 != free[index] })
      #expect(stopped.finals == [.stop] && stopped.tokens == expected)
      #expect(stopped.usage?.completionTokens == expected.count + 1)
    }
    let characters = Array(text)
    for start in stride(from: 2, to: characters.count - 3, by: 5) {
      var request = greedy(input, maxTokens: 60)
      request.stop.strings = [String(characters[start..<start + 3])]
      let stopped = await Transcript(try engine.generate(request))
      #expect(
        stopped.finals == [.stop] && stopped.text + request.stop.strings[0] == text.prefix(stopped.text.count + 3))
      #expect(stopped.usage?.completionTokens == stopped.tokens.count)
      #expect(stopped.tokens == Array(free.prefix(stopped.tokens.count)))
    }
    #expect(engine.statistics.acceptedTokens > 10 && engine.statistics.heldPages == 0)
    await engine.shutdown()
  }

  @Test(arguments: PreemptionMethod.allCases, [true, false])
  func aSmallPoolWithASecondLevelGivesTheSameAnswers(preemption: PreemptionMethod, prefixCaching: Bool) async throws {
    // 40 requests of up to 13 pages; there are 32 pages and 60 slots.
    let requests = (0..<40).map { greedy(prompt($0 % 25, count: 8 + $0 % 9), maxTokens: 36) }
    let engine = try await makeEngine(
      configuration(
        pageCount: 32, rounds: 4, slots: 60, preemption: preemption, prefixCaching: prefixCaching))
    for _ in 0..<2 {
      for (request, result) in zip(requests, try await all(engine, requests)) {
        #expect(result.tokens == ScriptedRunner.output(after: request.prompt, count: 36) && result.finals == [.length])
      }
    }
    let counts = engine.statistics
    #expect(counts.preemptions > 0 && counts.failedCopies == 0)
    switch preemption {
    case .recompute: #expect(counts.swaps == 0 && counts.prefixCache.loadedPages == 0)
    case .swap: #expect(counts.swaps > 0 && counts.prefixCache.loadedPages > 0)
    case .cheapest: #expect(counts.prefixCache.savedPages > 0)
    }
    #expect(counts.prefixCache.secondLevelTokens > 0 || preemption == .recompute || !prefixCaching)
    #expect(counts.secondLevelLentPages == 0 && counts.heldPages == 0)
    await engine.shutdown()
  }

  @Test func copiesThatFailCostTimeButNoAnswer() async throws {
    let requests = (0..<30).map { greedy(prompt($0 % 9, count: 8 + $0 % 9), maxTokens: 36) }
    let count = Mutex(0)
    var script = ScriptedRunner.Script()
    script.isFailing = { _ in
      count.withLock {
        $0 += 1
        return $0 % 3 == 0
      }
    }
    let engine = try await makeEngine(configuration(pageCount: 32, slots: 60, preemption: .swap), script: script)
    for _ in 0..<2 {
      for (request, result) in zip(requests, try await all(engine, requests)) {
        #expect(result.tokens == ScriptedRunner.output(after: request.prompt, count: 36) && result.finals == [.length])
      }
    }
    #expect(engine.statistics.failedCopies > 10 && engine.statistics.prefixCache.loadedPages > 10)
    #expect(engine.statistics.secondLevelLentPages == 0 && engine.statistics.heldPages == 0)
    await engine.shutdown()
  }
}
