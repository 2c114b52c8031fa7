import JSONText

/// Measurements on a GPU beside its ceilings, for people (`table`, `svg`) and programs (`json`).
public struct DeviceReport: Sendable {
  public var measurements: [DeviceMeasurement]
  public var ceilings: DeviceCeilings
  public var device: String, commit: String

  public init(measurements: [DeviceMeasurement], ceilings: DeviceCeilings, device: String, commit: String) {
    (self.measurements, self.ceilings, self.device, self.commit) = (measurements, ceilings, device, commit)
  }

  public var json: JSONValue {
    .object(
      JSONObject([
        ("device", .string(device)), ("commit", .string(commit)),
        ("copy_gigabytes_per_second", .double(ceilings.copyBandwidth / 1e9)),
        ("matrix_teraflops", ceilings.matrixRate.map { .double($0 / 1e12) } ?? .null),
        ("matrix_reason", ceilings.matrixReason.map { .string($0) } ?? .null),
        ("measurements", .array(measurements.map(\.json))),
      ]))
  }

  /// The share of the ceiling that bounds it; nil without a time.
  func share(_ measurement: DeviceMeasurement) -> Double? {
    measurement.timing.map { ceilings.seconds(measurement.cost) / $0.median }
  }

  /// One line a kernel and size, grouped by definition: time, rate, share of the ceiling, ratio to CUDA.
  public var table: String {
    var out = "\(device): copies \(FigureText.fixed(ceilings.copyBandwidth / 1e9, 0)) GB/s"
    if let rate = ceilings.matrixRate { out += ", matrix products \(FigureText.fixed(rate / 1e12, 0)) TFLOP/s" }
    if let reason = ceilings.matrixReason { out += "; no matrix rate: \(reason)" }
    out += "\n"
    var last = ""
    for measurement in measurements {
      let title = "\(measurement.definition) \(measurement.kind)"
      if title != last { out += "\n\(title)\n" }
      last = title
      guard let timing = measurement.timing else {
        out += "  \(padded(measurement.solution, 36)) \(measurement.failure ?? "no time")\n"
        continue
      }
      let rate =
        measurement.cost.operations / (ceilings.matrixRate ?? .infinity)
          > measurement.cost.bytes / ceilings.copyBandwidth
        ? "\(FigureText.fixed((measurement.operationsPerSecond ?? 0) / 1e12, 1)) TFLOP/s"
        : "\(FigureText.fixed((measurement.bytesPerSecond ?? 0) / 1e9, 0)) GB/s"
      out += "  \(padded(measurement.solution, 36)) \(padded(FigureText.time(timing.median), 12)) \(padded(rate, 14)) "
      out += padded("\(FigureText.fixed(100 * (share(measurement) ?? 0), 0)) % of the ceiling", 22)
      if let base = cuda(measurement), base.solution != measurement.solution, let own = base.timing?.median {
        out += " \(FigureText.fixed(own / timing.median, 2)) x CUDA"
      }
      out += (measurement.isGraph ? "" : "  (without a graph)") + "\n"
    }
    return out
  }

  /// The fastest CUDA kernel of the same definition and size.
  private func cuda(_ measurement: DeviceMeasurement) -> DeviceMeasurement? {
    measurements.filter {
      $0.flavor == "cuda" && $0.definition == measurement.definition && $0.kind == measurement.kind && $0.timing != nil
    }.min { ($0.timing?.median ?? .infinity) < ($1.timing?.median ?? .infinity) }
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
