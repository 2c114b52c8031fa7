import Scheduling
import Simulation
import Testing

/// Days small enough to be computed by hand. All costs are sums of powers of two, so equality is exact.
@Suite struct SimulatorTests {
  private let costs = StepCosts(fixed: 1, perToken: 0.0625, perPair: 0, perRow: 0)

  @Test func aRequestAloneTakesItsChunksAndThenAStepForEachToken() throws {
    let day = try traffic([line(at: 7000, input: 40, output: 3)])
    let report = Simulator(day, costs: costs).run(try configuration(batch: 16))
    // 16, 16 and 8 tokens; then one and one.
    #expect(report.timeToFirstToken?.mean == 2 + 2 + 1.5)
    #expect(report.interTokenLatency?.p50 == 1.0625 && report.interTokenLatency?.count == 2)
    #expect(report.endToEnd?.largest == 5.5 + 2 * 1.0625)
    #expect(report.queueTime?.largest == 0)
    #expect(report.virtualSeconds == 7.625 && report.counts.steps == 5)
    #expect(report.counts.computedTokens == 42 && report.counts.generatedTokens == 3)
    #expect(report.counts.peakPagesHeld == 11, "42 tokens in pages of 4")
    #expect(report.throughput == 3 / 7.625)
  }

  @Test func aStepCostsWhatItsTokensPairsAndRowsCost() throws {
    let day = try traffic([line(at: 0, input: 3, output: 2)])
    let all = StepCosts(fixed: 1, perToken: 0.0625, perPair: 0.125, perRow: 0.5)
    let report = Simulator(day, costs: all).run(try configuration())
    #expect(report.timeToFirstToken?.mean == 1 + 3 * 0.0625 + 6 * 0.125 + 0.5)
    #expect(report.interTokenLatency?.mean == 1 + 0.0625 + 4 * 0.125 + 0.5)
  }

  @Test func aRequestThatArrivesDuringAStepIsTakenInAfterIt() throws {
    let day = try traffic([line(at: 0, input: 8, output: 3), line(at: 500, input: 8, output: 1)])
    let report = Simulator(day, costs: costs).run(try configuration())
    // The first prompt ends at 1.5; the second shares a step of 9 tokens with a token of the first.
    #expect(report.timeToFirstToken?.p50 == 1.5)
    #expect(report.timeToFirstToken?.largest == 1.5 + 1.5625 - 0.5)
    #expect(report.queueTime?.largest == 1)
    #expect(report.interTokenLatency?.p50 == 1.0625 && report.interTokenLatency?.largest == 1.5625)
    #expect(report.virtualSeconds == 4.125)
  }

  @Test func theClockJumpsOverTimesWithoutRequests() throws {
    let day = try traffic([line(at: 0, input: 8, output: 1), line(at: 3_600_000, input: 8, output: 1)])
    let report = Simulator(day, costs: costs).run(try configuration())
    #expect(report.virtualSeconds == 3601.5 && report.counts.steps == 2)
  }

  @Test func aRepeatedPrefixIsFound() throws {
    let half = [line(at: 0, input: 16, output: 1, ids: [7, 8]), line(at: 90_000, input: 16, output: 1, ids: [7, 9])]
    #expect(Simulator(try traffic(half), costs: costs).run(try configuration()).prefixHitRate == 8.0 / 32)
    let whole = [line(at: 0, input: 16, output: 1, ids: [7, 8]), line(at: 90_000, input: 16, output: 1, ids: [7, 8])]
    let report = Simulator(try traffic(whole), costs: costs).run(try configuration())
    #expect(report.prefixHitRate == 12.0 / 32, "the last page is left, to have something to compute")
    #expect(report.timeToFirstToken?.p50 == 1.25 && report.timeToFirstToken?.largest == 2)
    #expect(Simulator(try traffic(whole), costs: costs).run(try configuration(caching: false)).prefixHitRate == 0)
  }

  @Test func prefixesAreNotFoundUnderAnotherSalt() throws {
    let day = try traffic([
      line(at: 0, input: 16, output: 1, ids: [7, 8], #", "cache_salt": "a""#),
      line(at: 90_000, input: 16, output: 1, ids: [7, 8], #", "cache_salt": "b""#),
    ])
    #expect(Simulator(day, costs: costs).run(try configuration()).prefixHitRate == 0)
  }

  @Test func aRequestThatLosesItsPagesWaitsAndIsComputedAgain() throws {
    let day = try traffic([line(at: 0, input: 4, output: 8), line(at: 0, input: 4, output: 8)])
    let steps = StepCosts(fixed: 1, perToken: 0, perPair: 0, perRow: 0)
    let report = Simulator(day, costs: steps).run(try configuration(pages: 4))
    // After 5 steps both have 8 positions, two pages each. The first takes a page of the second and ends after step 8;
    // the second finds its other page, computes 5 tokens in step 9, and ends after step 11.
    #expect(report.counts.preemptions == 1 && report.counts.finished == 2)
    #expect(report.interTokenLatency?.largest == 4)
    #expect(report.virtualSeconds == 11 && report.counts.steps == 11)
    #expect(report.counts.computedTokens == 11 + 11 + 4)
    #expect(report.counts.peakPagesHeld == 4 && report.queueTime?.largest == 0)
  }

  @Test func savedPagesCostTheirCopiesAndAreNotComputedAgain() throws {
    let day = try traffic([line(at: 0, input: 4, output: 8), line(at: 0, input: 4, output: 8)])
    let (token, copy) = (1.0 / 1024, 1.0 / 8192)
    let costs = StepCosts(fixed: 0, perToken: token, perPair: 0, perRow: 0)
    let server = try configuration(pages: 4, secondLevel: 4, preemption: .swap)
    let report = Simulator(day, costs: costs, secondsPerPageCopy: copy).run(server)
    #expect(report.counts.preemptions == 1 && report.counts.computedTokens == 11 + 11)
    let copies = report.counts.cache.savedPages + report.counts.cache.loadedPages
    #expect(copies > 0 && report.virtualSeconds == 22 * token + copy * Double(copies))
  }

  @Test func aTargetBetweenTokensCutsPromptsIntoSmallerChunks() throws {
    let day = try traffic([line(at: 0, input: 8, output: 3000), line(at: 20_000, input: 2000, output: 1)])
    let costs = StepCosts(fixed: 0.01, perToken: 0.001, perPair: 0, perRow: 0)
    func largest(_ target: Double?) throws -> Double {
      let server = try configuration(pages: 1024, context: 4000, batch: 512, target: target)
      return try #require(Simulator(day, costs: costs).run(server).interTokenLatency).largest
    }
    #expect(try largest(nil) > 0.5, "a step of 512 tokens")
    #expect(try largest(0.1) < 0.11)
  }

  @Test func guessedTokensAreThoseThatWouldHaveBeenGenerated() throws {
    // The second prompt holds the first one's text twice: its second half is guessed from its first.
    let ids = [1, 2, 3, 1, 2]
    let day = try traffic([
      line(at: 0, input: 36, output: 4, ids: ids, #", "chat_id": 1, "parent_chat_id": -1"#),
      line(at: 50, input: 40, output: 1, ids: ids, #", "chat_id": 2, "parent_chat_id": 1"#),
    ])
    let alone = Simulator(day, costs: costs).run(try configuration())
    let guessing = Simulator(day, costs: costs).run(try configuration(drafts: 4))
    #expect(guessing.counts.generatedTokens == alone.counts.generatedTokens)
    #expect(guessing.counts.steps < alone.counts.steps)
    #expect(guessing.virtualSeconds <= alone.virtualSeconds)
  }

  @Test func refusalsAreCountedWithTheirReasons() throws {
    let long = try traffic([
      line(at: 0, input: 16, output: 1), line(at: 1, input: 15, output: 5), line(at: 2, input: 0, output: 1),
      line(at: 3, input: Int(Int32.max), output: Int(Int32.max)),
    ])
    let small = try configuration(context: 16)
    let counts = Simulator(long, costs: costs).run(small).counts
    #expect(counts.refusedTooLong == 2 && counts.refusedEmpty == 1 && counts.finished == 1 && counts.cutShort == 1)
    let busy = try traffic(Array(repeating: line(at: 0, input: 8, output: 1), count: 3))
    let full = Simulator(busy, costs: costs).run(try configuration(running: 1, waiting: 1)).counts
    #expect(full.refusedOverloaded == 1 && full.finished == 2 && full.refused == 1)
  }

  @Test func theLongestPromptIsWhatTheSchedulerSaysItIs() throws {
    let small = try configuration(context: 16)
    for length in 1...20 {
      let day = try traffic([line(at: 0, input: length, output: 1)])
      let request = GenerationRequest(id: "", prompt: day.promptTokens(of: 0), maxTokens: 1)
      let isAccepted = (try? small.check(request)) != nil
      #expect(Simulator(day, costs: costs).run(small).counts.finished == (isAccepted ? 1 : 0), "\(length) tokens")
    }
  }

  @Test func aRequestThatWantsNothingGetsTheOneTokenOfItsPrompt() throws {
    let report = Simulator(try traffic([line(at: 0, input: 8, output: 0)]), costs: costs).run(try configuration())
    #expect(report.counts.generatedTokens == 1 && report.counts.cutShort == 0 && report.interTokenLatency == nil)
  }

  @Test func anAnswerIsFoundByTheNextTurnThatContainsIt() throws {
    func turn(_ chat: Int, after parent: Int, at seconds: Int, input: Int, output: Int, ids: [Int]) -> String {
      line(at: seconds, input: input, output: output, ids: ids, #", "chat_id": \#(chat), "parent_chat_id": \#(parent)"#)
    }
    // 6 tokens and an answer of 7; the next turn's prompt has blocks 1, 2, 3, 4 of 4 tokens.
    let lines = [
      turn(5, after: -1, at: 0, input: 6, output: 7, ids: [1, 9]),
      turn(6, after: 5, at: 100, input: 16, output: 1, ids: [1, 2, 3, 4]),
    ]
    for (answers, found) in [(Traffic.Answers.continued, 12), (.own, 4)] {
      let day = try traffic(lines) { ($0.blockTokens, $0.answers) = (4, answers) }
      #expect(day.timeUnit == .seconds)
      let report = Simulator(day, costs: costs).run(try configuration())
      #expect(report.counts.cache.hitTokens == found, "\(answers)")
    }
  }
}
