import JSONText
import Testing
import Traces

/// What we derive from a trace set is what FlashInfer-Bench derived from the same folder: its answers are in
/// `Tests/Fixtures/interchange/reference.json`, kept true by `Tests/Interchange/run.sh`.
@Suite struct ReferenceFigureTests {
  let set: TraceSet
  let reference: JSONValue

  init() throws {
    set = try TraceSet.load(WrittenSetTests.folder, .strict)
    reference = try Fixture.json("interchange/reference.json")
  }

  private func member(_ name: String) throws -> JSONObject { try #require(reference[name]?.object, "\(name)") }

  private static func number(_ value: JSONValue?) -> Double? { value?.double ?? value?.string.flatMap(Double.init) }

  /// Sums over sets are taken in any order there.
  private static func agree(_ found: Double, _ expected: JSONValue?) -> Bool {
    guard let expected = number(expected) else { return false }
    return abs(found - expected) <= 1e-12 * expected.magnitude
  }

  @Test func hashesAreThoseOfTheReference() throws {
    let hashes = try member("hash")
    #expect(hashes.count == 13)
    for (name, hash) in hashes.members { #expect(set.solution(named: name)?.contentHash == hash.string, "\(name)") }
  }

  @Test func theSameTracesPassTheFilterAndTheSameOneIsBest() throws {
    let cases = try #require(reference["best_traces"]?.array)
    #expect(cases.count == 12)
    for item in cases {
      let definition = try #require(item["definition"]?.string)
      let atol = try #require(Self.number(item["atol"])), rtol = try #require(Self.number(item["rtol"]))
      let filtered = set.filterTraces(definition: definition, atol: atol, rtol: rtol)
      let expected = try #require(item["filtered"]?.array)
      #expect(filtered.map { [$0.solution, $0.workload.uuid] } == expected.map { ($0.array ?? []).map(\.string) })
      for best in try #require(item["best"]?.array) {
        var axes: [String: Int] = [:]
        for (name, value) in try #require(best["axes"]?.object).members { axes[name] = value.int }
        let found = set.bestTrace(definition: definition, axes: axes, maxAbsoluteError: atol, maxRelativeError: rtol)
        #expect(found?.solution == best["trace"]?["solution"]?.string, "\(definition) \(axes) \(atol) \(rtol)")
        #expect(found?.workload.uuid == best["trace"]?["uuid"]?.string)
        #expect(found?.evaluation?.performance?.speedupFactor == Self.number(best["trace"]?["speedup"]))
      }
    }
  }

  @Test func theBestTraceForAKeyIsTheWinnerInItsApplyTable() throws {
    let tables = try #require(reference["apply_tables"]?.array)
    var keys = 0
    for table in tables {
      let atol = try #require(Self.number(table["max_atol"])), rtol = try #require(Self.number(table["max_rtol"]))
      for (definition, bucket) in try #require(table["index"]?.object).members {
        var wins: [String: Int] = [:]
        for entry in try #require(bucket.array) {
          var axes: [String: Int] = [:]
          for (name, value) in try #require(entry["axes"]?.object).members { axes[name] = value.int }
          let best = set.bestTrace(definition: definition, axes: axes, maxAbsoluteError: atol, maxRelativeError: rtol)
          let winner = try #require(best?.solution)
          #expect(winner == entry["solution"]?.string, "\(definition) \(axes) \(atol) \(rtol)")
          wins[winner, default: 0] += 1
          keys += 1
        }
        let overall = try #require(table["def_best"]?[definition]?.string)
        #expect(wins[overall] == wins.values.max(), "\(definition): \(overall) wins \(wins)")
      }
    }
    #expect(tables.count == 3 && keys == 18)
  }

  @Test func solutionsAreScoredAlike() throws {
    let scores = try member("scores")
    #expect(scores.count == 13)
    for (name, expected) in scores.members {
      let found = try set.score(solution: name)
      #expect((found == nil) == expected.isNull, "\(name)")
      guard let found else { continue }
      #expect(Self.agree(found.averageSpeedup, expected["avg_speedup"]), "\(name): \(found.averageSpeedup)")
      #expect(Self.agree(found.successRate, expected["success_rate"]), "\(name)")
      #expect(Self.agree(found.winRate, expected["win_rate"]), "\(name)")
      #expect(found.workloads == expected["workloads"]?.int, "\(name)")
    }
  }

  @Test func authorsAreRankedAlikeInEveryScope() throws {
    let rankings = try member("rankings")
    #expect(rankings.count == 7)
    for (text, expected) in rankings.members {
      let words = text.split(separator: " ").map(String.init)
      let scope: ScoreScope =
        words[0] == "all" ? .all : words[0] == "op_type" ? .opType(words[1]) : .definition(words[1])
      let found = try set.ranking(in: scope), list = try #require(expected.array)
      #expect(found.map(\.author) == list.map { $0["author"]?.string }, "\(text)")
      for (score, other) in zip(found, list) {
        #expect(Self.agree(score.averageSpeedup, other["avg_speedup"]), "\(text): \(score)")
        #expect(Self.agree(score.successRate, other["success_rate"]), "\(text): \(score)")
        #expect(Self.agree(score.winRate, other["win_rate"]), "\(text): \(score)")
        #expect(score.definitions == other["definitions"]?.int && score.workloads == other["workloads"]?.int)
        let best = try #require(other["best_solutions"]?.object)
        #expect(score.bestSolutions.names.sorted() == best.keys.sorted())
        for (definition, solution) in best.members { #expect(score.bestSolutions[definition] == solution.string) }
      }
    }
  }

  @Test func theSummaryCountsAlike() throws {
    let expected = try member("summary"), found = try set.summary()
    #expect([found.total, found.passed, found.failed] == ["total", "passed", "failed"].map { expected[$0]?.int })
  }
}
