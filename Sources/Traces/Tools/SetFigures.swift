import JSONText

/// What can be derived from a set's traces, as one document: hashes, scores, rankings, winners.
public struct SetFigures: Sendable {
  private let set: TraceSet
  public init(_ set: TraceSet) { self.set = set }

  public var json: JSONValue {
    let names = set.definitionNames.flatMap { set.solutions[$0, default: []] }.map(\.name)
    return .object(
      JSONObject([
        ("definitions", .array(set.definitionNames.map { .string($0) })),
        ("hash", map(names) { name in .optional(set.solution(named: name)?.contentHash) }),
        ("scores", map(names) { name in score(name) }), ("rankings", rankings), ("summary", summary),
        ("best", map(set.definitionNames) { name in set.bestTrace(definition: name).map(Self.row) ?? .null }),
      ]))
  }

  private func map(_ names: [String], _ value: (String) -> JSONValue) -> JSONValue {
    .object(JSONObject(names.map { ($0, value($0)) }))
  }

  private func score(_ name: String) -> JSONValue {
    guard let score = try? set.score(solution: name) else { return .null }
    return .object(
      JSONObject([
        ("avg_speedup", Self.number(score.averageSpeedup)), ("success_rate", Self.number(score.successRate)),
        ("win_rate", Self.number(score.winRate)), ("definitions", .int(1)), ("workloads", .int(score.workloads)),
      ]))
  }

  private var rankings: JSONValue {
    var scopes: [(String, ScoreScope)] = [("all", .all)]
    var operations: [String] = []
    for name in set.definitionNames {
      if let operation = set.definitions[name]?.opType, !operations.contains(operation) { operations.append(operation) }
    }
    scopes += operations.map { ("op_type \($0)", .opType($0)) }
    scopes += set.definitionNames.map { ("definition \($0)", .definition($0)) }
    return .object(
      JSONObject(
        scopes.map { name, scope in
          (name, .array(((try? set.ranking(in: scope)) ?? []).map(author)))
        }))
  }

  private func author(_ score: AuthorScore) -> JSONValue {
    .object(
      JSONObject([
        ("author", .string(score.author)), ("avg_speedup", Self.number(score.averageSpeedup)),
        ("success_rate", Self.number(score.successRate)), ("win_rate", Self.number(score.winRate)),
        ("definitions", .int(score.definitions)), ("workloads", .int(score.workloads)),
        ("best_solutions", .object(JSONObject(score.bestSolutions.map { ($0.name, .string($0.value)) }))),
      ]))
  }

  private var summary: JSONValue {
    var counts = (total: 0, passed: 0)
    for evaluation in set.traces.values.joined().compactMap(\.evaluation) {
      counts.total += 1
      if evaluation.status == .passed { counts.passed += 1 }
    }
    return .object(
      JSONObject([
        ("total", .int(counts.total)), ("passed", .int(counts.passed)), ("failed", .int(counts.total - counts.passed)),
      ]))
  }

  /// What was measured in one trace; null for a bare workload.
  public static func row(_ trace: Trace) -> JSONValue {
    guard let evaluation = trace.evaluation else { return .null }
    return .object(
      JSONObject([
        ("solution", .optional(trace.solution)), ("uuid", .string(trace.workload.uuid)),
        ("axes", .object(JSONObject(trace.workload.axes.map { ($0.name, .int($0.value)) }))),
        ("speedup", number(evaluation.performance?.speedupFactor ?? 0)),
        ("latency_ms", number(evaluation.performance?.latencyMs ?? 0)),
        ("max_relative_error", number(evaluation.correctness?.maxRelativeError ?? 0)),
        ("max_absolute_error", number(evaluation.correctness?.maxAbsoluteError ?? 0)),
        ("hardware", .string(evaluation.environment.hardware)),
      ]))
  }

  /// Infinity and NaN are text, which JSON has no numbers for.
  private static func number(_ value: Double) -> JSONValue {
    if value.isFinite { return .double(value) }
    return .string(value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity")
  }
}
