import Generation
import Glibc
import Scheduling
import Synchronization
import Testing

@Suite struct EngineFaultTests {
  struct Broken: Error, CustomStringConvertible { let description: String }

  @Test func aThrowingStepFailsItsOwnRequestsAndTheEngineLivesOn() async throws {
    let engine = try await makeEngine(
      maxRunning: 2,
      script: .init(beforeStep: { batch in
        if batch.sequences.contains(where: { $0.tokens.contains(31) }) { throw Broken(description: "a kernel broke") }
      }))
    // 31 is in the prompt, so the first step throws; the greedy outputs of the others never have it.
    let bad = try engine.generate(greedy([31], maxTokens: 5))
    let failed = await Transcript(bad)
    #expect(failed.finals == [.failed] && failed.message == "the step failed: a kernel broke")
    #expect(failed.usage == Usage(promptTokens: 1, completionTokens: 0, cachedTokens: 0))
    let good = await Transcript(try engine.generate(greedy([1, 2, 3], maxTokens: 3)))
    #expect(good.tokens == ScriptedRunner.output(after: [1, 2, 3], count: 3) && !good.tokens.contains(31))
    #expect(engine.isHealthy && engine.statistics.failedRequests == 1 && engine.statistics.heldPages == 0)
    await engine.shutdown()
  }

  @Test func stepsThatFailAtRandomLeaveExactlyOneEndEach() async throws {
    let steps = StepCounter()
    let engine = try await makeEngine(
      pageCount: 20, contextLength: 60,
      script: .init(beforeStep: { _ in
        if steps.next() % 7 == 0 { throw Broken(description: "every seventh step breaks") }
      }))
    let streams = try (0..<100).map { try engine.generate(greedy(prompt($0, count: 1 + $0 % 30), maxTokens: 20)) }
    var ends: [FinishReason: Int] = [:]
    for (number, stream) in streams.enumerated() {
      let transcript = await Transcript(stream)
      for reason in transcript.finals { ends[reason, default: 0] += 1 }
      let expected = ScriptedRunner.output(after: prompt(number, count: 1 + number % 30), count: 20)
      #expect(transcript.tokens == Array(expected.prefix(transcript.tokens.count)))
      #expect(transcript.usage?.completionTokens == transcript.tokens.count)
    }
    #expect(ends.values.reduce(0, +) == 100 && ends[.failed] != nil)
    #expect(engine.statistics.heldPages == 0)
    await engine.shutdown()
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func aRowThatIsNotFiniteFailsItsRequestAlone(poison: Float) async throws {
    let engine = try await makeEngine(script: .init(poison: { $0.tokens.first == 30 ? poison : nil }))
    let bad = try engine.generate(greedy([30, 1], maxTokens: 4))
    let good = try engine.generate(greedy([1, 2, 3], maxTokens: 4))
    let failed = await Transcript(bad)
    #expect(failed.finals == [.failed] && failed.message == "the logits are not finite numbers")
    #expect(await Transcript(good).tokens == ScriptedRunner.output(after: [1, 2, 3], count: 4))
    await engine.shutdown()
  }

  @Test func aTokenOutsideTheVocabularyOrAMissingOneIsAFailureNotACrash() async throws {
    let outside = try await makeEngine(script: .init(afterSampling: { $0.map { _ in 99 } }))
    let result = await Transcript(try outside.generate(greedy([1], maxTokens: 4)))
    #expect(result.finals == [.failed])
    #expect(result.message == "the model chose token 99, which is not in its vocabulary")
    await outside.shutdown()

    let missing = try await makeEngine(script: .init(afterSampling: { _ in [] }))
    let none = await Transcript(try missing.generate(greedy([1], maxTokens: 4)))
    #expect(none.finals == [.failed])
    #expect(none.message == "the step failed: the model chose 0 tokens; 1 were wanted")
    await missing.shutdown()
  }

  @Test func shutdownEndsLiveRequestsAtOnce() async throws {
    // The engine stands still in its sixth step until the shutdown has begun.
    let (steps, gate) = (StepCounter(), Gate())
    let script = ScriptedRunner.Script(beforeStep: { _ in if steps.next() == 6 { gate.pass() } })
    let engine = try await makeEngine(maxRunning: 2, script: script)
    let readers = try (0..<20).map { number in
      let stream = try engine.generate(greedy([Int32(number)], maxTokens: 100))
      return Task { await Transcript(stream) }
    }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<3 { group.addTask { await engine.shutdown() } }
      #expect(await eventually { !engine.isHealthy })
      gate.open()
    }
    for reader in readers {
      let transcript = await reader.value
      #expect(transcript.finals == [.cancelled] && transcript.message == "the engine is shutting down")
    }
    #expect(engine.statistics.heldPages == 0 && engine.statistics.finishedRequests == 20)
    #expect(!engine.isHealthy)
  }

  @Test func shutdownCanLetLiveRequestsFinish() async throws {
    let engine = try await makeEngine(maxRunning: 2, script: .init(beforeStep: { _ in usleep(100) }))
    let streams = try (0..<5).map { try engine.generate(greedy([Int32($0)], maxTokens: 10)) }
    await engine.shutdown(finishingRequests: true)
    for (number, stream) in streams.enumerated() {
      let expected = ScriptedRunner.output(after: [Int32(number)], count: 10)
      #expect(await Transcript(stream).tokens == expected)
    }
    #expect(throws: AdmissionError.shuttingDown) { try engine.generate(greedy([1], maxTokens: 1)) }
  }

  @Test func droppingTheEngineEndsItsStreams() async throws {
    var engine: Engine? = try await makeEngine(
      pageCount: 3000, contextLength: 10_000, script: .init(beforeStep: { _ in usleep(300) }))
    let stream = try #require(try engine?.generate(greedy([1], maxTokens: 9000)))
    engine = nil
    #expect(await Transcript(stream).finals == [.cancelled])
  }

  @Test func aModelThatCannotBeLoadedIsToldAtTheStart() async throws {
    let scheduler = try SchedulerConfiguration(pageCount: 4, contextLength: 32, vocabularySize: 32)
    await #expect(throws: Broken.self) {
      _ = try await Engine(
        configuration: EngineConfiguration(scheduler: scheduler), makeDecoder: { LetterDecoder() },
        makeRunner: { throw Broken(description: "no such file") })
    }
    let other = try SchedulerConfiguration(pageCount: 4, contextLength: 32, vocabularySize: 33)
    await #expect(throws: EngineError.vocabularyMismatch(configured: 33, model: 32)) {
      _ = try await Engine(
        configuration: EngineConfiguration(scheduler: other), makeDecoder: { LetterDecoder() },
        makeRunner: { ScriptedRunner(other) })
    }
    for stackSize in [1, Int.max / 2] {
      await #expect(throws: EngineError.self) {
        _ = try await Engine(
          configuration: EngineConfiguration(scheduler: scheduler, stackSize: stackSize),
          makeDecoder: { LetterDecoder() }, makeRunner: { ScriptedRunner(scheduler) })
      }
    }
  }

  /// Callers that come, read a little and go, while others stay, all at the same time.
  @Test func callersThatComeAndGoLoseNothingOfTheOthers() async throws {
    let engine = try await makeEngine(pageCount: 24, contextLength: 64, maxRunning: 6)
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<120 {
        group.addTask {
          let input = prompt(number, count: 1 + number % 25)
          guard let stream = try? engine.generate(greedy(input, maxTokens: 20)) else {
            Issue.record("request \(number) was refused")
            return
          }
          if number % 3 == 0 {
            var seen = 0
            for await _ in stream {
              seen += 1
              if seen > number % 5 { break }
            }
          } else {
            let transcript = await Transcript(stream)
            #expect(transcript.tokens == ScriptedRunner.output(after: input, count: 20), "request \(number)")
          }
        }
      }
    }
    #expect(await eventually { engine.statistics.finishedRequests == 120 })
    #expect(engine.statistics.heldPages == 0)
    await engine.shutdown()
  }
}

private final class StepCounter: Sendable {
  private let count = Atomic<Int>(0)
  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
