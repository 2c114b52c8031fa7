import Scheduling
import Synchronization
import Testing

@testable import Generation

/// Times as the engine tells them, on a clock that stands still except while a step runs.
@Suite struct LatencyTests {
  @Test func aValueOnABoundBelongsToTheRangeBelowIt() {
    var histogram = LatencyHistogram([0.01, 0.1, 1])
    for value in [0, 0.005, 0.01, 0.0100001, 0.1, 0.5, 1, 1.5, 100] { histogram.record(value) }
    #expect(histogram.counts == [3, 2, 2, 2])
    #expect(histogram.cumulated.map(\.count) == [3, 5, 7, 9])
    #expect(histogram.cumulated.map(\.bound) == [0.01, 0.1, 1, .infinity])
    #expect(histogram.count == 9 && histogram.largest == 100)
    #expect(abs(histogram.sum - 103.1250001) < 1e-9)
  }

  @Test func aHistogramWithoutBoundsCountsAndANegativeValueIsZero() {
    var histogram = LatencyHistogram([])
    histogram.record(-1)
    histogram.record(2)
    #expect(histogram.counts == [2] && histogram.sum == 2 && histogram.largest == 2)
  }

  @Test func boundsAscendAndTokensOfARequestStayWithinTheContext() {
    let latencies = LatencyStatistics(contextLength: 128)
    #expect(latencies.promptTokens.bounds == [1, 2, 5, 10, 20, 50, 100])
    for histogram in [
      latencies.timeToFirstToken, latencies.timeBetweenTokens, latencies.endToEnd, latencies.stepTime,
      latencies.stepTokens, latencies.generatedTokens,
    ] {
      #expect(zip(histogram.bounds, histogram.bounds.dropFirst()).allSatisfy { $0 < $1 })
      #expect(histogram.counts.count == histogram.bounds.count + 1)
    }
  }

  @Test func oneRequestsTimesAddUp() async throws {
    // Steps take 1, 2, 3 … seconds: a prompt of 3 tokens in chunks of 2 gets its first token after 1 + 2.
    let clock = StepClock { Double($0) }
    let engine = try await makeEngine(maxBatchTokens: 2, maxRunning: 1, clock: clock)
    let result = await Transcript(try engine.generate(greedy([1, 2, 3], maxTokens: 4)))
    #expect(result.finals == [.length])
    await engine.shutdown()
    let times = engine.statistics.latencies
    expect(times.queueTime, [0])
    expect(times.timeToFirstToken, [3])
    expect(times.timeBetweenTokens, [3, 4, 5])
    expect(times.endToEnd, [15])
    expect(times.prefillTime, [3])
    expect(times.decodeTime, [12])
    expect(times.inferenceTime, [15])
    expect(times.timePerOutputToken, [4])
    expect(times.promptTokens, [3])
    expect(times.generatedTokens, [4])
    expect(times.stepTime, [1, 2, 3, 4, 5])
    expect(times.stepTokens, [2, 1, 1, 1, 1])
    #expect(times.largestGap == 5)
  }

  @Test func whoWaitsForAnotherHasItInTheQueueTimeAndTheTimeToTheFirstToken() async throws {
    let gate = Gate()
    let clock = StepClock { _ in 0.25 }
    let engine = try await makeEngine(maxRunning: 1, clock: clock, beforeFirstStep: gate)
    // A first request holds the engine until both others have been sent.
    let held = try engine.generate(greedy([9], maxTokens: 1))
    #expect(await eventually { engine.statistics.submittedRequests == 1 })
    let (one, two) = (try engine.generate(greedy([1], maxTokens: 3)), try engine.generate(greedy([2], maxTokens: 1)))
    gate.open()
    for stream in [held, one, two] { #expect(await Transcript(stream).finals == [.length]) }
    await engine.shutdown()
    let times = engine.statistics.latencies
    expect(times.queueTime, [0, 0, 0.75])
    expect(times.timeToFirstToken, [0.25, 0.25, 1])
    expect(times.endToEnd, [0.25, 0.75, 1])
    expect(times.timeBetweenTokens, [0.25, 0.25])
    expect(times.timePerOutputToken, [0.25])
  }

  @Test func aStepThatIsSlowOnceIsTheLargestGapOfEveryoneInIt() async throws {
    let gate = Gate()
    let clock = StepClock { $0 == 3 ? 8 : 0.5 }
    let engine = try await makeEngine(clock: clock, beforeFirstStep: gate)
    let held = try engine.generate(greedy([9], maxTokens: 1))
    #expect(await eventually { engine.statistics.submittedRequests == 1 })
    let streams = try (1...3).map { try engine.generate(greedy([Int32($0)], maxTokens: 4)) }
    gate.open()
    for stream in [held] + streams { #expect(await Transcript(stream).finals == [.length]) }
    await engine.shutdown()
    let times = engine.statistics.latencies
    #expect(times.largestGap == 8)
    expect(times.timeBetweenTokens, [8, 8, 8] + Array(repeating: 0.5, count: 6))
  }

  @Test func requestsThatDoNotRunToTheirEndAreCountedByReasonAndNotInTheEndToEndTimes() async throws {
    let clock = StepClock { _ in 1 }
    let engine = try await makeEngine(clock: clock) { $0.startPosition > 6 ? .nan : nil }
    #expect(await Transcript(try engine.generate(greedy([1, 2, 3], maxTokens: 20))).finals == [.failed])
    #expect(await Transcript(try engine.generate(greedy([1, 2, 3], maxTokens: 2))).finals == [.length])
    await engine.shutdown()
    let statistics = engine.statistics
    #expect(statistics.finishes == [.failed: 1, .length: 1])
    #expect(statistics.finishedRequests == 2 && statistics.failedRequests == 1)
    expect(statistics.latencies.endToEnd, [2])
    expect(statistics.latencies.generatedTokens, [2])
    #expect(statistics.latencies.timeToFirstToken.count == 2)
  }

  @Test func aStopStringThatTheLastTokenCompletesIsCountedAsTheReasonThatIsTold() async throws {
    let text = LetterDecoder.text(ScriptedRunner.output(after: [1, 2, 3], count: 6))
    let engine = try await makeEngine()
    var request = greedy([1, 2, 3], maxTokens: 6)
    request.stop.strings = [text]
    let result = await Transcript(try engine.generate(request))
    #expect(result.finals == [.stop])
    #expect(engine.statistics.finishes == [.stop: 1])
    await engine.shutdown()
  }

  @Test func theRateIsThatOfTheLastSecondAndNothingAtRest() async throws {
    var rate = TokenRate()
    rate.add(4, from: 10, to: 10.25)
    #expect(rate.tokensPerSecond == 16, "before there is a whole second, since the start")
    rate.add(2, from: 10.25, to: 10.5)
    #expect(rate.tokensPerSecond == 12)
    rate.add(2, from: 10.5, to: 11)
    #expect(rate.tokensPerSecond == 8)
    rate.add(50, from: 11, to: 11.5)
    #expect(rate.tokensPerSecond == 8, "until the next second is whole")
    rate.add(50, from: 11.5, to: 12)
    #expect(rate.tokensPerSecond == 100)
    rate.rest()
    #expect(rate.tokensPerSecond == 0)
    let engine = try await makeEngine()
    _ = await Transcript(try engine.generate(greedy([1, 2, 3], maxTokens: 4)))
    #expect(await eventually { engine.statistics.tokensPerSecond == 0 })
    await engine.shutdown()
  }

  /// Compares what was recorded with values in any order.
  private func expect(
    _ found: LatencyHistogram, _ values: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var expected = LatencyHistogram(found.bounds)
    for value in values { expected.record(value) }
    #expect(found.counts == expected.counts, sourceLocation: sourceLocation)
    #expect(abs(found.sum - expected.sum) < 1e-9, sourceLocation: sourceLocation)
    #expect(abs(found.largest - expected.largest) < 1e-9, sourceLocation: sourceLocation)
  }

  /// Step n, from 1, takes `seconds(n)`.
  private final class StepClock: Sendable {
    private let state = Mutex((steps: 0, seconds: 0.0))
    private let seconds: @Sendable (Int) -> Double
    init(_ seconds: @escaping @Sendable (Int) -> Double) { self.seconds = seconds }
    var now: Double { state.withLock { $0.seconds } }
    func step() { state.withLock { $0 = ($0.steps + 1, $0.seconds + seconds($0.steps + 1)) } }
  }

  private func makeEngine(
    maxBatchTokens: Int = 32, maxRunning: Int = 16, clock: StepClock = StepClock { _ in 1 },
    beforeFirstStep gate: Gate? = nil, poison: @escaping @Sendable (BatchSequence) -> Float? = { _ in nil }
  ) async throws -> Engine {
    let scheduler = try SchedulerConfiguration(
      pageSize: 4, pageCount: 64, contextLength: 128, vocabularySize: ScriptedRunner.vocabulary,
      maxBatchTokens: maxBatchTokens, maxRunning: maxRunning, maxWaiting: 16)
    let script = ScriptedRunner.Script(
      beforeStep: { _ in
        gate?.pass()
        clock.step()
      }, poison: poison)
    return try await Engine(
      configuration: EngineConfiguration(scheduler: scheduler), clock: { clock.now },
      makeDecoder: { LetterDecoder() }, makeRunner: { ScriptedRunner(scheduler, script) })
  }
}
