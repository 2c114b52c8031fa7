/// How one solution compares with the baseline over the workloads that both have run.
public struct SolutionScore: Sendable, Hashable {
  public var definition: String
  /// Mean of baseline latency over latency.
  public var averageSpeedup: Double
  /// 1, or 0 if any trace of the solution failed.
  public var successRate: Double
  /// The share of workloads on which the solution is strictly faster.
  public var winRate: Double
  /// Workloads that the baseline passed and the solution was evaluated on.
  public var workloads: Int
}

/// The plain mean of an author's best solutions, one per definition.
public struct AuthorScore: Sendable, Hashable {
  public var author: String
  public var averageSpeedup: Double
  public var successRate: Double
  public var winRate: Double
  public var definitions: Int
  public var workloads: Int
  /// By definition, the solution that was scored.
  public var bestSolutions: OrderedMap<String>
  /// Definitions that could not be scored, and why: FlashInfer-Bench fails altogether there.
  public var skipped: OrderedMap<String>
}

/// What a score can be limited to.
public enum ScoreScope: Sendable, Hashable {
  case all
  case opType(String)
  case definition(String)
}

public struct ScoreError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

extension TraceSet {
  /// The author whose solutions are the measure.
  public static let baselineAuthor = "baseline"

  /// - Returns: nil for an unknown solution, the baseline itself, and when no workload is common to both.
  /// - Throws: when the definition has not exactly one baseline, or a passed trace has no latency.
  public func score(solution name: String, baseline: String = baselineAuthor) throws(ScoreError) -> SolutionScore? {
    guard let solution = solutionsByName[name] else { return nil }
    return try score(solution, traces[solution.definition, default: []], baseline: baseline)
  }

  private func score(_ solution: Solution, _ traces: [Trace], baseline: String) throws(ScoreError) -> SolutionScore? {
    let baselines = solutions[solution.definition, default: []].filter { $0.author == baseline }
    guard baselines.count == 1, let reference = baselines.first else {
      throw ScoreError(
        "\(solution.definition) has \(baselines.count) solutions by the author \"\(baseline)\", expected exactly one")
    }
    if reference.name == solution.name { return nil }
    let own = traces.filter { $0.solution == solution.name && $0.evaluation != nil }
    let latencies = try Self.bestLatencies(own)
    let baselineLatencies = try Self.bestLatencies(traces.filter { $0.solution == reference.name })
    var seen: Set<String> = []
    let common = own.map(\.workload.uuid).filter { baselineLatencies[$0] != nil && seen.insert($0).inserted }
    if common.isEmpty { return nil }
    var score = SolutionScore(
      definition: solution.definition, averageSpeedup: 0, successRate: 0, winRate: 0, workloads: common.count)
    if own.contains(where: { !$0.isSuccessful }) { return score }
    var wins = 0
    for uuid in common {
      guard let latency = latencies[uuid], let reference = baselineLatencies[uuid] else { continue }
      score.averageSpeedup += reference / latency
      if reference / latency > 1 { wins += 1 }
    }
    score.averageSpeedup /= Double(common.count)
    score.winRate = Double(wins) / Double(common.count)
    score.successRate = 1
    return score
  }

  /// By workload, the lowest latency of the traces that passed.
  private static func bestLatencies(_ traces: [Trace]) throws(ScoreError) -> [String: Double] {
    var best: [String: Double] = [:]
    for trace in traces {
      guard trace.isSuccessful, let latency = trace.evaluation?.performance?.latencyMs else { continue }
      if !(latency > 0) {
        throw ScoreError("\(trace.definition): a passed trace of \(trace.solution ?? "?") has the latency \(latency)")
      }
      best[trace.workload.uuid] = min(latency, best[trace.workload.uuid] ?? .infinity)
    }
    return best
  }

  /// - Returns: nil when nothing of the author can be scored.
  /// - Throws: for a definition that is not in the set.
  public func score(
    author: String, in scope: ScoreScope = .all, baseline: String = baselineAuthor
  ) throws(ScoreError) -> AuthorScore? {
    var score = AuthorScore(
      author: author, averageSpeedup: 0, successRate: 0, winRate: 0, definitions: 0, workloads: 0, bestSolutions: [:],
      skipped: [:])
    for name in try definitions(in: scope) {
      var best: (name: String, score: SolutionScore)?
      let traces = traces[name, default: []]
      for solution in solutions[name, default: []] where solution.author == author {
        do throws(ScoreError) {
          guard let found = try self.score(solution, traces, baseline: baseline) else { continue }
          if best.map({ found.averageSpeedup > $0.score.averageSpeedup }) ?? true { best = (solution.name, found) }
        } catch {
          score.skipped[name] = error.description
        }
      }
      guard let best else { continue }
      score.averageSpeedup += best.score.averageSpeedup
      score.successRate += best.score.successRate
      score.winRate += best.score.winRate
      score.workloads += best.score.workloads
      score.definitions += 1
      score.bestSolutions[name] = best.name
    }
    if score.definitions == 0 { return nil }
    let count = Double(score.definitions)
    (score.averageSpeedup, score.successRate) = (score.averageSpeedup / count, score.successRate / count)
    score.winRate /= count
    return score
  }

  private func definitions(in scope: ScoreScope) throws(ScoreError) -> [String] {
    switch scope {
    case .all: return definitionNames
    case .opType(let opType): return definitionNames.filter { definitions[$0]?.opType == opType }
    case .definition(let name):
      if definitions[name] == nil { throw ScoreError("the definition \"\(name)\" is not in the set") }
      return [name]
    }
  }

  /// All authors that can be scored, the fastest first, then by name.
  public func ranking(in scope: ScoreScope = .all, baseline: String = baselineAuthor) throws(ScoreError)
    -> [AuthorScore]
  {
    var scores: [AuthorScore] = []
    for author in Set(solutionsByName.values.map(\.author)).sorted() {
      if let score = try score(author: author, in: scope, baseline: baseline) { scores.append(score) }
    }
    return scores.sorted { ($1.averageSpeedup, $0.author) < ($0.averageSpeedup, $1.author) }
  }

  public struct Summary: Sendable, Hashable {
    public var total = 0, passed = 0, failed = 0
    public var rankings: [AuthorScore] = []
  }

  /// Counts of evaluated traces, and the ranking.
  public func summary() throws(ScoreError) -> Summary {
    var summary = Summary()
    for evaluation in traces.values.joined().compactMap(\.evaluation) {
      summary.total += 1
      if evaluation.status == .passed { summary.passed += 1 } else { summary.failed += 1 }
    }
    if summary.total > 0 { summary.rankings = try ranking() }
    return summary
  }
}
