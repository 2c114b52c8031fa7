import JSONText
import Traces

/// What recorded traces say about solutions, indexed for choosing.
public struct KernelMeasurements: Sendable {
  /// One passed run.
  struct Sample: Sendable {
    let solution: String
    /// Sizes of the definition's variable axes, in their order.
    let axes: [Int]
    let latencyMs: Double, absoluteError: Double, relativeError: Double
    let hardware: Hardware
    /// How often this shape occurs, relative to others.
    var weight = 1.0
  }
  /// Why a solution must not be used, whatever its speed.
  struct Objection: Sendable, Hashable {
    let hardware: Hardware
    let text: String
  }
  private(set) var samples: [String: [Sample]] = [:]
  private(set) var objections: [String: [String: [Objection]]] = [:]
  /// Solutions whose rows a benchmark found to depend on other rows (false) or not (true).
  private(set) var batchInvariance: [String: [String: Bool]] = [:]

  public init() {}

  /// Takes the traces of a set whose definitions are known there.
  /// - weight: how often a definition is called with these variable axes, in the definition's order.
  public init(_ set: TraceSet, weight: ((Definition, [Int]) -> Double)? = nil) {
    for name in set.definitionNames {
      if let definition = set.definitions[name] { add(set.traces[name, default: []], definition, weight) }
    }
  }

  /// Whether there is nothing to choose by.
  public var isEmpty: Bool { samples.isEmpty && objections.isEmpty }

  /// Takes evaluated traces; of several of one solution on one workload and device, the last counts.
  public mutating func add(
    _ traces: [Trace], _ definition: Definition, _ weight: ((Definition, [Int]) -> Double)? = nil
  ) {
    struct Run: Hashable { let solution: String, uuid: String, hardware: String }
    var last: [Run: Trace] = [:], order: [Run] = []
    for trace in traces {
      guard let solution = trace.solution, let evaluation = trace.evaluation else { continue }
      let run = Run(
        solution: solution, uuid: trace.workload.uuid, hardware: evaluation.environment.hardware)
      if last.updateValue(trace, forKey: run) == nil { order.append(run) }
    }
    for run in order {
      guard let trace = last[run], let evaluation = trace.evaluation else { continue }
      let hardware = Hardware(run.hardware)
      if let invariant = evaluation.correctness?.extra?["batch_invariant"]?.bool {
        let known = batchInvariance[definition.name]?[run.solution] ?? true
        batchInvariance[definition.name, default: [:]][run.solution] = known && invariant
      }
      guard evaluation.status == .passed, let performance = evaluation.performance, performance.latencyMs > 0,
        let errors = evaluation.correctness
      else {
        if evaluation.status != .passed {
          let words =
            evaluation.log.isEmpty ? "" : ": " + (evaluation.log.split(separator: "\n").first ?? "").prefix(120)
          objections[definition.name, default: [:]][run.solution, default: []].append(
            Objection(
              hardware: hardware, text: "\(evaluation.status.rawValue) on workload \(run.uuid.prefix(8))\(words)"))
        }
        continue
      }
      guard let axes = Self.axes(of: trace.workload, definition) else { continue }
      samples[definition.name, default: []].append(
        Sample(
          solution: run.solution, axes: axes, latencyMs: performance.latencyMs,
          absoluteError: errors.maxAbsoluteError, relativeError: errors.maxRelativeError, hardware: hardware,
          weight: weight?(definition, axes) ?? 1))
    }
  }

  /// Sizes of the variable axes, or nil when one is missing or a constant axis is listed with another value: such a
  /// workload is a key that no call can produce.
  static func axes(of workload: Workload, _ definition: Definition) -> [Int]? {
    for (name, size) in workload.axes {
      if let constant = definition.axes[name]?.value, constant != size { return nil }
    }
    let sizes = definition.varAxes.map { workload.axes[$0] }
    return sizes.contains { $0 == nil } ? nil : sizes.compactMap { $0 }
  }

  /// The samples that count on a device: its own; else, as the scope allows, its family's, then all.
  func usable(_ definition: String, on hardware: Hardware, _ scope: HardwareScope) -> [Sample] {
    let all = samples[definition, default: []], own = all.filter { $0.hardware == hardware }
    if !own.isEmpty || scope == .own { return own }
    let family = all.filter { $0.hardware.family == hardware.family }
    if !family.isEmpty || scope == .family { return family }
    return all
  }

  /// The first recorded failure of a solution on a device of the same name.
  func objection(_ definition: String, _ solution: String, on hardware: Hardware) -> String? {
    objections[definition]?[solution]?.first { $0.hardware == hardware }?.text
  }
}
