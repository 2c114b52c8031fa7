import KernelRuntime

/// The results of a conformance check, one line a solution.
public struct ConformanceReport: Sendable {
  public let results: [ConformanceResult]
  /// What the kernels ran on: "cpu", "cuda:0".
  public let device: String
  /// How memory was watched beside guard bytes: "address", "races"; empty for nothing more.
  public let sanitizer: String

  public init(_ results: [ConformanceResult], device: String, sanitizer: String = "") {
    (self.results, self.device, self.sanitizer) = (results, device, sanitizer)
  }

  /// Whether no solution disagrees or failed to build.
  public var passes: Bool { results.allSatisfy(\.passes) }

  /// One solution on all definitions of its operation.
  public struct Row: Sendable {
    public let operation: String, solution: String, language: KernelFlavor, source: String
    public let results: [ConformanceResult]

    public var executed: [ConformanceResult] { results.filter { $0.execution != .notExecuted } }
    public var calls: Int { results.reduce(0) { $0 + $1.calls } }
    public var seconds: Double { results.reduce(0) { $0 + $1.seconds } }
    public var buildSeconds: Double { results.reduce(0) { $0 + $1.buildSeconds } }
    public var worst: ConformanceResult? { results.max { $0.worstError < $1.worstError } }
    public var passes: Bool { results.allSatisfy(\.passes) }
    public var execution: KernelExecution { executed.first?.execution ?? .notExecuted }

    /// Why definitions were refused, each reason once, with how many.
    public var refusals: [(reason: String, definitions: [String])] {
      var found: [(reason: String, definitions: [String])] = []
      for result in results {
        guard case .refused(let reason) = result.verdict else { continue }
        if let i = found.firstIndex(where: { $0.reason == reason }) {
          found[i].definitions.append(result.definition)
        } else {
          found.append((reason, [result.definition]))
        }
      }
      return found
    }

    /// Sentences about what disagrees or was not built, with their definitions; what keeps several from being built once.
    public var failures: [String] {
      var sentences: [String] = [], unbuilt: [(reason: String, definitions: [String])] = []
      for result in results {
        switch result.verdict {
        case .disagrees(let found): sentences += found.map { "\(result.definition): \($0)" }
        case .notBuilt(let reason):
          if let i = unbuilt.firstIndex(where: { $0.reason == reason }) {
            unbuilt[i].definitions.append(result.definition)
          } else {
            unbuilt.append((reason, [result.definition]))
          }
        default: break
        }
      }
      return sentences + unbuilt.map { "\($0.definitions.joined(separator: ", ")): not built: \($0.reason)" }
    }

    /// In one word.
    public var verdict: String { executed.isEmpty && passes ? "–" : passes ? "agrees" : "WRONG" }
  }

  /// By operation, then solution, in the order of the results.
  public var rows: [Row] {
    var order: [String] = [], groups: [String: [ConformanceResult]] = [:]
    for result in results {
      let key = "\(result.operation)\0\(result.solution)"
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(result)
    }
    let operations = order.map { $0.split(separator: "\0")[0] }
    var first: [Substring: Int] = [:]
    for (i, operation) in operations.enumerated() where first[operation] == nil { first[operation] = i }
    return order.enumerated().sorted { a, b in
      (first[operations[a.offset], default: 0], a.offset) < (first[operations[b.offset], default: 0], b.offset)
    }.compactMap { _, key in
      guard let results = groups[key], let one = results.first else { return nil }
      return Row(
        operation: one.operation, solution: one.solution, language: one.language, source: one.source, results: results)
    }
  }
}
