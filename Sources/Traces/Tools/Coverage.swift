import JSONText

/// What was measured of each definition: workload by workload, solution by solution, on one device.
public struct Coverage: Sendable {
  public enum State: String, Sendable, Hashable {
    case measured
    /// It ran and did not pass.
    case failed
    /// The solution's sources have changed since.
    case stale
    case missing
  }
  public struct Cell: Sendable, Hashable {
    public let definition: String, workload: String, solution: String
    public let state: State
  }
  public let hardware: String?
  public private(set) var cells: [Cell] = []

  /// - Parameter hardware: only traces of this device count; nil for any.
  public init(_ set: TraceSet, hardware: String? = nil) {
    self.hardware = hardware
    for name in set.definitionNames {
      let traces = set.traces[name, default: []].filter { trace in
        hardware == nil || trace.evaluation?.environment.hardware == hardware
      }
      let workloads = Self.unique((set.workloads[name, default: []] + traces).map(\.workload.uuid))
      let solutions = Self.unique(set.solutions[name, default: []].map(\.name) + traces.compactMap(\.solution))
      var last: [Pair: Trace] = [:]
      for trace in traces {
        if let solution = trace.solution { last[Pair(workload: trace.workload.uuid, solution: solution)] = trace }
      }
      for workload in workloads {
        for solution in solutions {
          let trace = last[Pair(workload: workload, solution: solution)]
          cells.append(
            Cell(
              definition: name, workload: workload, solution: solution,
              state: Self.state(trace, set.solution(named: solution))))
        }
      }
    }
  }

  private struct Pair: Hashable { let workload: String, solution: String }

  /// Each once, where it comes first.
  private static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  private static func state(_ trace: Trace?, _ solution: Solution?) -> State {
    guard let evaluation = trace?.evaluation else { return .missing }
    if let hash = evaluation.correctness?.extra?["solution_hash"]?.string, let solution, hash != solution.contentHash {
      return .stale
    }
    return evaluation.status == .passed ? .measured : .failed
  }

  public func count(_ state: State, of definition: String? = nil) -> Int {
    cells.count { $0.state == state && (definition == nil || $0.definition == definition) }
  }

  /// What to measure next: workloads that most solutions have run but one has not, the nearest to complete first.
  public func suggestions(_ limit: Int) -> [Cell] {
    let open = cells.filter { $0.state == .missing || $0.state == .stale }
    var done: [String: Int] = [:]
    for cell in cells where cell.state == .measured { done[cell.definition + "\0" + cell.workload, default: 0] += 1 }
    return Array(
      open.enumerated().sorted { a, b in
        let x = done[a.element.definition + "\0" + a.element.workload, default: 0]
        let y = done[b.element.definition + "\0" + b.element.workload, default: 0]
        return x != y ? x > y : a.offset < b.offset
      }.map(\.element).prefix(limit))
  }

  public var json: JSONValue {
    .object(
      JSONObject([
        ("hardware", .optional(hardware)), ("measured", .int(count(.measured))), ("failed", .int(count(.failed))),
        ("stale", .int(count(.stale))), ("missing", .int(count(.missing))),
        (
          "cells",
          .array(
            cells.map { cell in
              .object(
                JSONObject([
                  ("definition", .string(cell.definition)), ("workload", .string(cell.workload)),
                  ("solution", .string(cell.solution)), ("state", .string(cell.state.rawValue)),
                ]))
            })
        ),
      ]))
  }
}
