/// win@p: the share of the workloads an author attempted on which it is more than `p` times as fast as the base, for every `p`.
///
/// The base of a workload is the author called `baseline` (any case), else the fastest.
public struct WinCurve: Sendable, Hashable {
  public struct Point: Sendable, Hashable {
    /// Base latency over the author's latency.
    public var threshold: Double
    public var wins: Int
  }
  public var author: String
  /// Workloads that the author was evaluated on; failures count as misses.
  public var attempted: Int
  /// Over the sorted union of all ratios, the same thresholds for every author.
  public var points: [Point]

  /// `author,p,win_ratio,n_total,n_wins`, nine significant digits.
  public static func csv(_ curves: [WinCurve]) -> String {
    var text = "author,p,win_ratio,n_total,n_wins\n"
    for curve in curves {
      for point in curve.points {
        let ratio = curve.attempted == 0 ? 0 : Double(point.wins) / Double(curve.attempted)
        text += "\(curve.author),\(SignificantDigits.text(point.threshold)),\(SignificantDigits.text(ratio)),"
        text += "\(curve.attempted),\(point.wins)\n"
      }
    }
    return text
  }
}

extension TraceSet {
  /// One curve per author, by descending median ratio.
  /// - Parameter author: the author of a solution; by default the set's, else the text before the first `_`.
  public func winCurves(author: ((String) -> String?)? = nil) -> [WinCurve] {
    struct Problem: Hashable { let definition: String, uuid: String }
    var latencies: [Problem: [String: Double]] = [:]
    var attempted: [String: Set<Problem>] = [:]
    for trace in traces.values.joined() {
      guard let solution = trace.solution, let evaluation = trace.evaluation else { continue }
      let name = author?(solution) ?? solutionsByName[solution]?.author ?? String(solution.prefix { $0 != "_" })
      let problem = Problem(definition: trace.definition, uuid: trace.workload.uuid)
      attempted[name, default: []].insert(problem)
      guard evaluation.status == .passed, let latency = evaluation.performance?.latencyMs, latency > 0 else { continue }
      latencies[problem, default: [:]][name] = min(latency, latencies[problem]?[name] ?? .infinity)
    }
    var ratios: [String: [Double]] = [:]
    for byAuthor in latencies.values {
      let baseline = byAuthor.filter { $0.key.lowercased() == Self.baselineAuthor }.values.min()
      guard let base = baseline ?? byAuthor.values.min() else { continue }
      for (name, latency) in byAuthor { ratios[name, default: []].append(base / latency) }
    }
    let thresholds = Set(ratios.values.joined()).sorted()
    func median(_ name: String) -> Double {
      let sorted = ratios[name, default: []].sorted()
      if sorted.isEmpty { return 0 }
      let upper = sorted[sorted.count / 2]
      return sorted.count % 2 == 1 ? upper : (sorted[sorted.count / 2 - 1] + upper) / 2
    }
    return attempted.keys.sorted { (median($1), $0) < (median($0), $1) }.map { name in
      let own = ratios[name, default: []].sorted()
      var below = 0
      return WinCurve(
        author: name, attempted: attempted[name, default: []].count,
        points: thresholds.map { p in
          while below < own.count, own[below] <= p { below += 1 }
          return WinCurve.Point(threshold: p, wins: own.count - below)
        })
    }
  }
}
