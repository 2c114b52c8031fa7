import KernelRuntime
import Traces

/// What the hardware should show for a kernel at one size: from the work, the launch record and the device's data sheet.
public struct DeviceProfile {
  public let workload: DeviceWorkload
  public let record: LaunchRecord
  public let model: DeviceModel

  public init(_ workload: DeviceWorkload, _ record: LaunchRecord, _ model: DeviceModel) {
    (self.workload, self.record, self.model) = (workload, record, model)
  }

  /// A line on the work as a whole, then two for each function that is launched.
  public var lines: [String] {
    let cost = workload.cost, floor = model.floor(cost), intensity = cost.operations / max(1, cost.bytes)
    var lines = [
      "\(workload.kind): \(workload.axes.map { "\($0.name)=\($0.value)" }.joined(separator: " "))",
      "  work: \(FigureText.amount(cost.bytes, "B")) at least, \(FigureText.amount(cost.operations, "FLOP")), "
        + "\(FigureText.fixed(intensity, 1)) operations a byte",
      "  bound by \(floor.isMemory ? "memory" : "matrix units"): \(FigureText.time(floor.seconds)) at best on "
        + "\(model.name); the profiler should show "
        + (floor.isMemory
          ? "DRAM throughput at 90 % and more, tensor cores idle" : "tensor cores at 60 % and more, DRAM below 30 %"),
    ]
    for launch in record.launches { lines += self.lines(launch) }
    return lines
  }

  private func lines(_ launch: LaunchRecord.Launch) -> [String] {
    let values = names
    func value(_ expression: LaunchExpression) -> Int? { try? expression.evaluate { values[$0] } }
    if let when = launch.when, value(when) == 0 { return ["  \(launch.entry): not launched at this size"] }
    let block = launch.block.compactMap(value).reduce(1, *), grid = launch.grid.compactMap(value).reduce(1, *)
    guard let used = record.resources.first(where: { $0.entry == launch.entry }) else {
      return ["  \(launch.entry): \(grid) blocks of \(block) threads"]
    }
    let shared = used.staticShared + (value(launch.shared) ?? 0)
    let held = model.occupancy(threads: block, registers: used.registers, shared: shared)
    let waves = Double(grid) / Double(max(1, held.blocks * model.multiprocessors))
    return [
      "  \(launch.entry): \(grid) blocks of \(block) threads, \(used.registers) registers, \(shared) bytes of shared memory, "
        + "spills \(used.spillStores)/\(used.spillLoads)",
      "    \(held.blocks) blocks (\(held.warps) of \(model.warps) warps) on a multiprocessor, limited by \(held.limit); "
        + "\(FigureText.fixed(waves, 2)) waves"
        + (waves < 1 ? ": \(FigureText.percent(waves)) of the device has work" : ""),
    ]
  }

  /// Axes, constants, lets and the device's numbers.
  private var names: [String: Int] {
    var values = Dictionary(record.constants.map { ($0.name, $0.value) }) { first, _ in first }
    for (name, size) in workload.axes { values[name] = size }
    values["sm_count"] = model.multiprocessors
    values["target"] = record.targetNumber
    for member in record.lets { values[member.name] = try? member.value.evaluate { values[$0] } }
    return values
  }
}
