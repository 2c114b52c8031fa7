import ModelContests
import Paging
import Scheduling
import Testing

/// Random submissions, steps, cancellations, failures, evictions and forced preemptions.
@Suite struct SchedulerModelTests {
  @Test(arguments: 0..<96 as Range<UInt64>)
  func anySequenceOfCallsKeepsEveryPromise(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let configuration = try SchedulerConfiguration(
      pageSize: 1 << Int.random(in: 0...4, using: &random), pageCount: Int.random(in: 2...40, using: &random),
      contextLength: Int.random(in: 2...80, using: &random), vocabularySize: NullModel.vocabularySize,
      maxBatchTokens: Int.random(in: 1...40, using: &random), maxRunning: Int.random(in: 1...12, using: &random),
      maxWaiting: Int.random(in: 0...20, using: &random), prefixCaching: seed % 8 != 0,
      evictionPolicy: EvictionPolicy.allCases[Int(seed) % EvictionPolicy.allCases.count],
      queuePolicy: QueuePolicy.allCases[Int(seed / 4) % QueuePolicy.allCases.count],
      maxOvertakes: [0, 1, 3, 64][Int.random(in: 0..<4, using: &random)],
      interTokenTarget: [nil, nil, 1e-4, 1e-2][Int.random(in: 0..<4, using: &random)],
      decodeRounds: [1, 1, 3, 8][Int.random(in: 0..<4, using: &random)],
      draftTokens: [0, 0, 1, 5][Int.random(in: 0..<4, using: &random)],
      secondLevelPages: [0, 3, 20, 100][Int.random(in: 0..<4, using: &random)],
      preemption: PreemptionMethod.allCases[Int.random(in: 0..<3, using: &random)])
    let operations = (0..<8000).map { _ in SchedulerOperation.random(configuration, using: &random) }
    guard SchedulerContest.failure(configuration, operations) != nil else { return }
    let shortest = minimised(operations) { SchedulerContest.failure(configuration, $0) != nil }
    let code = shortest.map { "  \($0)" }.joined(separator: "\n")
    let reason = SchedulerContest.failure(configuration, shortest)?.description ?? ""
    Issue.record("seed \(seed): \(reason)\nSchedulerContest.failure(\(configuration), [\n\(code)\n])")
  }

  @Test func theCallsReachWhatIsRare() throws {
    var random = SeededRandom(seed: 7)
    let configuration = try SchedulerConfiguration(
      pageSize: 4, pageCount: 30, contextLength: 80, vocabularySize: NullModel.vocabularySize, maxBatchTokens: 40,
      maxRunning: 4, maxWaiting: 4, interTokenTarget: 1, decodeRounds: 8, draftTokens: 5, secondLevelPages: 20,
      preemption: .swap)
    let operations = (0..<4000).map { _ in SchedulerOperation.random(configuration, using: &random) }
    var seen = SchedulerContest.Seen()
    let failure = SchedulerContest.failure(configuration, operations, seen: &seen)
    #expect(failure == nil)
    let counts = [seen.accepted, seen.loaded, seen.swaps, seen.failedCopies, seen.rounds, seen.shed]
    #expect(counts.allSatisfy { $0 > 3 }, "\(seen)")
  }
}
