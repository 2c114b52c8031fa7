import Traces

/// The measurements of all solutions on one workload, the fastest first, the failures last.
struct MeasurementGroup {
  let definition: String, operation: String
  let workload: Workload
  let rows: [Row]

  struct Row {
    let measurement: KernelMeasurement
    /// From 1; solutions whose intervals overlap that of the first of their rank share it. Nil for failures.
    let rank: Int?
    /// Whether another solution has the same rank.
    let isTied: Bool
    /// Bytes and operations a second; NaN without a time or a cost.
    let bytesPerSecond: Double, operationsPerSecond: Double
    /// The roofline's time divided by the measured one; nil without ceilings, cost or time.
    let floorShare: Double?
  }

  /// All groups, in the order in which the measurements name them.
  static func all(_ report: KernelReport) -> [MeasurementGroup] {
    var order: [String] = [], groups: [String: [KernelMeasurement]] = [:]
    for measurement in report.measurements {
      let axes = measurement.workload.axes.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
      let key = "\(measurement.definition)\n\(measurement.workload.uuid)\n\(axes)"
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(measurement)
    }
    return order.compactMap { groups[$0] }.compactMap { MeasurementGroup($0, report.ceilings) }
  }

  private init?(_ measurements: [KernelMeasurement], _ ceilings: MachineCeilings?) {
    guard let first = measurements.first else { return nil }
    (definition, operation, workload) = (first.definition, first.operation, first.workload)
    let timed = measurements.filter { $0.isTimed }.sorted { ($0.timing?.median ?? 0) < ($1.timing?.median ?? 0) }
    var ranks: [Int] = [], leader: TimingSummary?
    for (i, measurement) in timed.enumerated() {
      guard let timing = measurement.timing else { continue }
      if let leader, leader.overlaps(timing), let rank = ranks.last {
        ranks.append(rank)
      } else {
        leader = timing
        ranks.append(i + 1)
      }
    }
    var rows = zip(timed, ranks).map { measurement, rank in
      Row(measurement, rank: rank, isTied: ranks.filter { $0 == rank }.count > 1, ceilings)
    }
    rows += measurements.filter { !$0.isTimed }.map { Row($0, rank: nil, isTied: false, ceilings) }
    self.rows = rows
  }

  /// "batch_size=16 hidden=4", or the workload's name when it has no axes.
  var axesText: String {
    workload.axes.isEmpty
      ? workload.uuid : workload.axes.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
  }

  var cost: WorkCost? { rows.lazy.compactMap(\.measurement.cost).first }
}

extension MeasurementGroup.Row {
  init(_ measurement: KernelMeasurement, rank: Int?, isTied: Bool, _ ceilings: MachineCeilings?) {
    let seconds = measurement.isTimed ? measurement.timing?.median ?? .nan : .nan
    self.init(
      measurement: measurement, rank: rank, isTied: isTied,
      bytesPerSecond: (measurement.cost?.bytes ?? .nan) / seconds,
      operationsPerSecond: (measurement.cost?.operations ?? .nan) / seconds,
      floorShare: ceilings.flatMap { ceilings in
        measurement.cost.flatMap { seconds > 0 ? $0.rooflineSeconds(ceilings) / seconds : nil }
      })
  }

  /// Why there is no time: the status and the first line of the log.
  var failure: String {
    let evaluation = measurement.evaluation
    if evaluation.status == .passed { return "passed, not timed" }
    let line = evaluation.log.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return line.isEmpty ? evaluation.status.rawValue : "\(evaluation.status.rawValue): \(line)"
  }

  /// "1", or "1=" when shared; "" for failures.
  var rankText: String { rank.map { "\($0)\(isTied ? "=" : "")" } ?? "" }

  var speedupText: String {
    guard let factor = measurement.evaluation.performance?.speedupFactor, factor > 0 else { return "" }
    return FigureText.short(factor) + "×"
  }
}

extension KernelMeasurement {
  /// Whether it passed and has times.
  var isTimed: Bool { evaluation.status == .passed && (timing?.count ?? 0) > 0 }
}
