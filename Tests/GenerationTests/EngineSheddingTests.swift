import Scheduling
import Synchronization
import Testing

@testable import Generation

/// An engine whose steps are held up now and then, on a clock that stands still except while layers are computed.
@Suite struct EngineSheddingTests {
  private struct Outcome {
    var statistics: EngineStatistics
    var isRight = true
    /// Seconds of the steps.
    var steps: [Double]
  }

  /// Four streams of 200 tokens, and prompts of 100 behind them.
  private func run(sheds: Bool) async throws -> Outcome {
    let scheduler = try SchedulerConfiguration(
      pageSize: 4, pageCount: 500, contextLength: 400, vocabularySize: ScriptedRunner.vocabulary, maxBatchTokens: 64,
      maxRunning: 8, prefixCaching: false, interTokenTarget: 0.05)
    let clock = StallingClock()
    let script = ScriptedRunner.Script(
      beforeStep: { _ in clock.begin() },
      afterSampling: { tokens in
        clock.end()
        return tokens
      }, afterHalf: { clock.half(4 + $0.tokenCount) }, afterPart: { clock.half($0) })
    let engine = try await Engine(
      configuration: EngineConfiguration(scheduler: scheduler), clock: { clock.now },
      makeDecoder: { LetterDecoder() },
      makeRunner: {
        let runner = ScriptedRunner(scheduler, script)
        return sheds ? runner as any ModelRunning : Whole(runner)
      })
    let prompts = (0..<4).map { prompt($0, count: 5) } + (10..<22).map { prompt($0, count: 100) }
    let limits = prompts.map { $0.count == 5 ? 200 : 3 }
    let outputs = try await withThrowingTaskGroup(of: (Int, Transcript).self) { group in
      for (number, prompt) in prompts.enumerated() {
        let stream = try engine.generate(greedy(prompt, maxTokens: limits[number]))
        group.addTask { (number, await Transcript(stream)) }
      }
      var outputs: [Int: Transcript] = [:]
      for try await (number, transcript) in group { outputs[number] = transcript }
      return outputs
    }
    var outcome = Outcome(statistics: engine.statistics, steps: clock.steps)
    for (number, prompt) in prompts.enumerated() {
      outcome.isRight =
        outcome.isRight && outputs[number]?.finals == [.length]
        && outputs[number]?.tokens == ScriptedRunner.output(after: prompt, count: limits[number])
    }
    await engine.shutdown()
    return outcome
  }

  @Test func promptsAreSpreadOverStepsAndEveryAnswerIsRight() async throws {
    let spread = try await run(sheds: true), whole = try await run(sheds: false)
    #expect(spread.isRight && whole.isRight)
    #expect(spread.statistics.shedChunks > 5 && whole.statistics.shedChunks == 0)
    // Half of the stalls come when the chunks are out already.
    let late = spread.steps.count { $0 > 0.05 }
    #expect(late * 14 < spread.steps.count, "\(late) of \(spread.steps.count) steps were late")
  }

  /// Every seventh step stalls for 12 ms, after another half of a layer each time.
  private final class StallingClock: Sendable {
    private let state = Mutex((now: 0.0, step: 0, half: 0, began: 0.0, steps: [Double]()))
    var now: Double { state.withLock { $0.now } }
    var steps: [Double] { state.withLock { $0.steps } }
    func begin() { state.withLock { ($0.step, $0.half, $0.began) = ($0.step + 1, 0, $0.now) } }
    func end() { state.withLock { $0.steps.append($0.now - $0.began) } }
    func half(_ milliseconds: Int) {
      state.withLock {
        $0.half += 1
        $0.now += 0.001 * Double(milliseconds) / Double(ScriptedRunner.Script.halves)
        if $0.step % 7 == 3, $0.half == 1 + $0.step / 7 % 14 { $0.now += 0.012 }
      }
    }
  }

  /// The same runner, which cannot shed.
  private struct Whole: ModelRunning {
    var runner: ScriptedRunner
    init(_ runner: ScriptedRunner) { self.runner = runner }
    var vocabularySize: Int { runner.vocabularySize }
    mutating func forward(_ batch: Batch, room: RoomCheck?) throws {
      #expect(batch.limit == nil && room == nil)
      try runner.forward(batch, room: nil)
    }
    func logits(_ row: Int) -> UnsafeMutableBufferPointer<Float> { runner.logits(row) }
    mutating func sample(_ draws: [Draw]) throws -> [Int32] { try runner.sample(draws) }
  }
}
