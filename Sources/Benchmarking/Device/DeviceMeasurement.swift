import CUDADriver
import JSONText
import KernelRuntime
import Traces

/// One kernel at one size on a GPU.
public struct DeviceMeasurement: Sendable {
  public let definition: String, operation: String, kind: String
  public let solution: String, flavor: String
  public let axes: OrderedMap<Int>
  public let cost: WorkCost
  /// Of one call.
  public let timing: TimingSummary?
  /// Whether calls were replayed from a graph, without the host between them.
  public let isGraph: Bool
  /// Why there is no time.
  public let failure: String?

  public var bytesPerSecond: Double? { timing.map { cost.bytes / $0.median } }
  public var operationsPerSecond: Double? { timing.map { cost.operations / $0.median } }
}

extension DeviceMeasurement {
  /// Calls in one sample, at least: so that a sample is long beside the events' resolution.
  private static let calls = 20

  /// Times a bound kernel: all sets of arguments in turn, recorded as a graph and replayed where that can be done.
  static func measure(
    _ kernel: BoundKernel, _ solution: KernelSolution, _ workload: DeviceWorkload, _ arguments: DeviceArguments,
    samples: Int, on stream: CUDAStream
  ) -> DeviceMeasurement {
    let count = (Self.calls + arguments.sets.count - 1) / arguments.sets.count * arguments.sets.count
    func all() throws(KernelError) {
      for call in 0..<count { try kernel.apply(arguments.sets[call % arguments.sets.count], on: stream) }
    }
    func made(_ times: [Double], _ isGraph: Bool, _ failure: String?) -> DeviceMeasurement {
      DeviceMeasurement(
        definition: workload.definition.name, operation: workload.definition.opType, kind: workload.kind,
        solution: solution.name, flavor: solution.flavor.rawValue, axes: workload.axes, cost: workload.cost,
        timing: times.isEmpty ? nil : TimingSummary(samples: times.map { $0 / Double(count) }), isGraph: isGraph,
        failure: failure)
    }
    do {
      // Once outside: what is made at the first call is not recorded.
      try all()
      try stream.synchronize()
      let recorded = try? stream.capture { () throws(KernelError) in try all() }
      let times = try DeviceClock.seconds(of: samples, on: stream) { () throws(KernelError) in
        if let recorded { try stream.replay(recorded) } else { try all() }
      }
      return made(times, recorded != nil, nil)
    } catch {
      return made([], false, "\(error)")
    }
  }

  var json: JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map { .double($0) } ?? .null }
    return .object(
      JSONObject([
        ("definition", .string(definition)), ("operation", .string(operation)), ("kind", .string(kind)),
        ("solution", .string(solution)), ("flavor", .string(flavor)),
        ("axes", .object(JSONObject(axes.map { ($0.name, .int($0.value)) }))),
        ("bytes", .double(cost.bytes)), ("operations", .double(cost.operations)),
        ("timing", timing?.json ?? .null), ("gigabytes_per_second", number(bytesPerSecond.map { $0 / 1e9 })),
        ("teraflops", number(operationsPerSecond.map { $0 / 1e12 })), ("graph", .bool(isGraph)),
        ("failure", failure.map { .string($0) } ?? .null),
      ]))
  }
}
