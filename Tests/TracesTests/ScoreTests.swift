import Testing

@testable import Traces

@Suite struct ScoreTests {
  typealias Sets = TraceSetTests

  static func set(_ traces: [Trace]) throws -> TraceSet {
    var set = TraceSet()
    try set.add(Definition(json: Sets.definition("d")))
    for (name, author) in [("base", "baseline"), ("s", "me"), ("t", "me"), ("u", "you")] {
      try set.add(Solution(json: Sets.solution(name, by: author)))
    }
    try set.addTraces(traces)
    return set
  }

  @Test func theBestTraceIsTheFirstWithTheHighestSpeedupWithinTheLimits() throws {
    let nan = try Evaluation(
      status: .passed, environment: Environment(hardware: "cpu"), timestamp: "t",
      correctness: Correctness(maxRelativeError: .nan),
      performance: Performance(speedupFactor: 99))
    let set = try Self.set([
      Sets.trace("1", "s", speedup: 2, m: 4), Sets.trace("2", "t", speedup: 3, m: 8),
      Sets.trace("3", "u", speedup: 3, m: 8),
      Sets.trace("4", "u", passed: false), Sets.trace("5", "u").with(evaluation: nan),
    ])
    #expect(set.filterTraces(definition: "d").map(\.workload.uuid) == ["1", "2", "3"])
    #expect(set.bestTrace(definition: "d")?.workload.uuid == "2")
    #expect(set.bestTrace(definition: "d", axes: ["M": 4])?.workload.uuid == "1")
    #expect(set.bestTrace(definition: "d", axes: ["M": 5]) == nil)
    #expect(set.bestTrace(definition: "d", axes: ["K": 4]) == nil)
    #expect(set.bestTrace(definition: "unknown") == nil)
  }

  @Test func aSolutionIsScoredOnWhatTheBaselinePassed() throws {
    let set = try Self.set([
      Sets.trace("1", "base", latency: 4), Sets.trace("1", "base", latency: 2), Sets.trace("2", "base", latency: 3),
      Sets.trace("3", "base", passed: false), Sets.trace("1", "s", latency: 1), Sets.trace("1", "s", latency: 5),
      Sets.trace("2", "s", latency: 6), Sets.trace("3", "s", latency: 1), Sets.trace("4", "s", latency: 1),
      Sets.trace("1", "t", latency: 1), Sets.trace("9", "t", passed: false), Sets.trace("9", "u", latency: 1),
    ])
    let score = try #require(try set.score(solution: "s"))
    #expect(
      score == SolutionScore(definition: "d", averageSpeedup: (2 + 0.5) / 2, successRate: 1, winRate: 0.5, workloads: 2)
    )
    #expect(
      try set.score(solution: "t")
        == SolutionScore(definition: "d", averageSpeedup: 0, successRate: 0, winRate: 0, workloads: 1))
    #expect(try set.score(solution: "u") == nil)
    #expect(try set.score(solution: "base") == nil)
    #expect(try set.score(solution: "none") == nil)
    #expect(try set.ranking().map(\.author) == ["me"])
    let author = try #require(try set.score(author: "me"))
    #expect(author.bestSolutions == ["d": "s"] && author.averageSpeedup == 1.25 && author.definitions == 1)
    #expect(try set.score(author: "me", in: .opType("norm")) == nil)
    #expect(throws: ScoreError.self) { try set.score(author: "me", in: .definition("none")) }
    let summary = try set.summary()
    #expect(summary.total == 12 && summary.passed == 10 && summary.failed == 2)
    #expect(try TraceSet().summary() == TraceSet.Summary())
  }

  @Test func aMissingBaselineIsReportedAndSpoilsNoOtherDefinition() throws {
    var set = try Self.set([Sets.trace("1", "base", latency: 2), Sets.trace("1", "s")])
    try set.add(Definition(json: Sets.definition("e")))
    try set.add(Solution(json: Sets.solution("lonely", of: "e")))
    try set.addTraces([Sets.trace("1", "lonely").with(definition: "e")])
    #expect(throws: ScoreError.self) { try set.score(solution: "lonely") }
    let author = try #require(try set.score(author: "me"))
    #expect(author.averageSpeedup == 2 && author.skipped.names == ["e"])
  }

  @Test func aPassedTraceWithoutLatencyIsAnError() throws {
    let set = try Self.set([Sets.trace("1", "base", latency: 0), Sets.trace("1", "s")])
    #expect(throws: ScoreError.self) { try set.score(solution: "s") }
  }

  @Test func winCurvesCountAttemptsAndStrictWins() throws {
    let set = try Self.set([
      Sets.trace("1", "base", latency: 2), Sets.trace("2", "base", latency: 2), Sets.trace("1", "s", latency: 1),
      Sets.trace("2", "s", passed: false), Sets.trace("3", "s", latency: 4), Sets.trace("3", "u", latency: 2),
    ])
    let curves = set.winCurves()
    // Ratios: baseline 1, 1; me 2 and 2/4; you 1 (the fastest is the base where there is no baseline).
    #expect(curves.map(\.author) == ["me", "baseline", "you"])
    #expect(curves[0].attempted == 3)
    #expect(
      curves[0].points == [.init(threshold: 0.5, wins: 1), .init(threshold: 1, wins: 1), .init(threshold: 2, wins: 0)])
    #expect(curves[1].points.map(\.wins) == [2, 0, 0])
    #expect(WinCurve.csv(curves).hasPrefix("author,p,win_ratio,n_total,n_wins\nme,0.5,0.333333333,3,1\n"))
  }
}
