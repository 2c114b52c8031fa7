import Generation
import Glibc
import Scheduling
import Testing

@Suite struct EngineTests {
  @Test func aRequestGetsItsTokensItsTextAndItsUsage() async throws {
    let engine = try await makeEngine()
    let expected = ScriptedRunner.output(after: [1, 2, 3], count: 20)
    let result = await Transcript(try engine.generate(greedy([1, 2, 3], maxTokens: 20)))
    #expect(result.tokens == expected)
    #expect(result.text == LetterDecoder.text(expected))
    #expect(result.finals == [.length])
    #expect(result.usage == Usage(promptTokens: 3, completionTokens: 20, cachedTokens: 0))
    #expect(result.message == nil && result.logprobs.isEmpty)
    #expect(engine.isHealthy && engine.contextLength == 128)
    let statistics = engine.statistics
    #expect(statistics.heldPages == 0 && statistics.running == 0 && statistics.waiting == 0)
    #expect(statistics.promptTokens == 3 && statistics.generatedTokens == 20 && statistics.computedTokens == 22)
    #expect(statistics.submittedRequests == 1 && statistics.finishedRequests == 1 && statistics.steps == 20)
    await engine.shutdown()
  }

  /// Every second one is sampled, every third one has a penalty.
  private func mixedRequest(_ number: Int) -> GenerationRequest {
    var request = greedy(prompt(number, count: 1 + number % 20), maxTokens: 1 + number % 17)
    if number % 2 == 1 {
      request.sampling.temperature = 0.8
      request.sampling.seed = UInt64(number)
    }
    if number % 3 == 0 { request.sampling.frequencyPenalty = 0.5 }
    return request
  }

  /// Batching, chunked prefill and preemption must not change what anyone gets.
  @Test(arguments: [(1, 40, 7), (4, 10, 3), (16, 4, 64), (2, 1000, 512)])
  func twoHundredConcurrentRequestsGetWhatEachGetsAlone(pageSize: Int, pageCount: Int, budget: Int) async throws {
    let engine = try await makeEngine(
      pageSize: pageSize, pageCount: pageCount, contextLength: 40, maxBatchTokens: budget)
    let results = try await withThrowingTaskGroup(of: (Int, Transcript).self) { group in
      for number in 0..<200 {
        let stream = try engine.generate(mixedRequest(number))
        group.addTask { (number, await Transcript(stream)) }
      }
      var results: [Int: Transcript] = [:]
      for try await (number, transcript) in group { results[number] = transcript }
      return results
    }
    let drained = engine.statistics
    // Alone: one at a time on an engine with room for everything at once.
    let alone = try await makeEngine(pageSize: 64, pageCount: 1, contextLength: 40, maxBatchTokens: 64, maxRunning: 1)
    for number in 0..<200 {
      let request = mixedRequest(number)
      let expected = await Transcript(try alone.generate(request))
      let found = results[number]
      #expect(found?.tokens == expected.tokens && found?.text == expected.text, "request \(number)")
      #expect(found?.finals == expected.finals, "request \(number)")
      #expect(found?.usage?.completionTokens == expected.usage?.completionTokens, "request \(number)")
      if number % 6 == 2 || number % 6 == 4 {
        #expect(expected.tokens == ScriptedRunner.output(after: request.prompt, count: request.maxTokens))
      }
    }
    #expect(drained.heldPages == 0 && drained.finishedRequests == 200 && drained.failedRequests == 0)
    #expect(pageCount == 1000 ? drained.preemptions == 0 : drained.preemptions > 0)
    await engine.shutdown()
    await alone.shutdown()
  }

  @Test func leavingTheStreamCancelsTheRequestAndFreesItsPages() async throws {
    let steps = StepAllowance()
    let engine = try await makeEngine(
      pageCount: 8000, contextLength: 10_000, script: .init(beforeStep: { _ in steps.take() }))
    steps.add(50)
    // The stream must not be kept: a stream that somebody still holds could be read on.
    for await _ in try engine.generate(greedy([1, 2, 3, 4, 5], maxTokens: 9000)) { break }
    steps.add(50)
    #expect(await eventually { engine.statistics.finishedRequests == 1 })
    let before = engine.statistics.generatedTokens
    let cancelled = try engine.generate(greedy([6, 7], maxTokens: 9000))
    let waiting = Task {
      for await _ in cancelled {}
    }
    #expect(await eventually { engine.statistics.generatedTokens > before + 3 })
    waiting.cancel()
    await waiting.value
    // Dropping a stream that nobody ever reads cancels as well.
    _ = try engine.generate(greedy([8], maxTokens: 9000))
    steps.add(1000)
    #expect(await eventually { engine.statistics.finishedRequests == 3 })
    #expect(engine.statistics.heldPages == 0)
    #expect(engine.statistics.finishes == [.cancelled: 3])
    await engine.shutdown()
  }

  @Test func aRequestIsCancelledWhileItWaitsForItsTurn() async throws {
    let gate = Gate()
    let engine = try await makeEngine(maxRunning: 1, script: .init(beforeStep: { _ in gate.pass() }))
    let (one, two) = (try engine.generate(greedy([1], maxTokens: 5)), try engine.generate(greedy([2], maxTokens: 5)))
    let first = Task { await Transcript(one) }
    let second = Task {
      for await _ in two {}
    }
    second.cancel()
    await second.value
    gate.open()
    #expect(await first.value.tokens.count == 5)
    #expect(await eventually { engine.statistics.finishedRequests == 2 })
    #expect(engine.statistics.generatedTokens == 5)
    await engine.shutdown()
  }

  @Test func aFullQueueRefusesAtOnceAndTakesMoreWhenSomebodyLeaves() async throws {
    let gate = Gate()
    let engine = try await makeEngine(maxRunning: 1, maxWaiting: 3, script: .init(beforeStep: { _ in gate.pass() }))
    let streams = try (0..<4).map { try engine.generate(greedy([Int32($0)], maxTokens: 3)) }
    #expect(throws: AdmissionError.overloaded(waiting: 3)) { try engine.generate(greedy([1], maxTokens: 3)) }
    gate.open()
    for stream in streams { #expect(await Transcript(stream).finals == [.length]) }
    #expect(await Transcript(try engine.generate(greedy([1], maxTokens: 3))).finals == [.length])
    await engine.shutdown()
  }

  @Test func refusedRequestsStartNothing() async throws {
    let engine = try await makeEngine()
    #expect(throws: AdmissionError.emptyPrompt) { try engine.generate(greedy([], maxTokens: 1)) }
    #expect(throws: AdmissionError.unknownToken(32, vocabularySize: 32)) {
      try engine.generate(greedy([32], maxTokens: 1))
    }
    #expect(throws: AdmissionError.promptTooLong(promptTokens: 128, limit: 127)) {
      try engine.generate(greedy(prompt(1, count: 128), maxTokens: 1))
    }
    await engine.shutdown()
    #expect(engine.statistics.submittedRequests == 0)
    #expect(throws: AdmissionError.shuttingDown) { try engine.generate(greedy([1], maxTokens: 1)) }
    #expect(!engine.isHealthy)
  }
}
