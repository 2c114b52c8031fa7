import JSONText
import Traces

/// Measurements, to be read by people (`table`, `html`) and programs (`jsonLines`).
public struct KernelReport: Sendable {
  public var measurements: [KernelMeasurement]
  /// What the machine reaches; figures are printed as a share of it.
  public var ceilings: MachineCeilings?
  /// The processor's name.
  public var machine: String
  /// The state of the sources that were measured.
  public var commit: String

  public init(measurements: [KernelMeasurement], ceilings: MachineCeilings? = nil, machine: String, commit: String) {
    (self.measurements, self.ceilings, self.machine, self.commit) = (measurements, ceilings, machine, commit)
  }

  /// One line a measurement: compact JSON with the machine and the commit, so that files can be joined.
  public func jsonLines() -> String {
    measurements.map { JSONValue.object(record($0)).compact + "\n" }.joined()
  }

  private func record(_ measurement: KernelMeasurement) -> JSONObject {
    func seconds(_ value: Double?) -> JSONValue { value.flatMap { $0.isFinite ? .double($0) : nil } ?? .null }
    var record = JSONObject([
      ("definition", .string(measurement.definition)), ("operation", .string(measurement.operation)),
      ("solution", .string(measurement.solution)), ("flavor", .string(measurement.flavor)),
      ("author", .string(measurement.author)), ("machine", .string(machine)), ("commit", .string(commit)),
    ])
    // The parts that traces have, as traces write them.
    let trace = try? Trace(
      definition: "x", workload: measurement.workload, solution: "x", evaluation: measurement.evaluation)
    let written = trace.flatMap { try? JSONValue(parsing: $0.jsonLine) }
    record["workload"] = written?["workload"] ?? .object(JSONObject([("uuid", .string(measurement.workload.uuid))]))
    record["evaluation"] =
      written?["evaluation"] ?? .object(JSONObject([("status", .string(measurement.evaluation.status.rawValue))]))
    record["timing"] = measurement.timing?.json ?? .null
    record["prepare_seconds"] = seconds(measurement.prepareSeconds)
    record["first_call_seconds"] = seconds(measurement.firstCallSeconds)
    record["bytes"] = seconds(measurement.cost?.bytes)
    record["operations"] = seconds(measurement.cost?.operations)
    record["roofline_seconds"] = seconds(
      measurement.cost.flatMap { cost in ceilings.map { cost.rooflineSeconds($0) } })
    record["batch_invariant"] = measurement.batchInvariant.map { .bool($0) } ?? .null
    return record
  }
}
