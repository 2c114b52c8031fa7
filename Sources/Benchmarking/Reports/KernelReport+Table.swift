extension KernelReport {
  /// One block for each definition and workload: solutions with rank, median, 95 % interval, bandwidth, arithmetic, share
  /// of the roofline and speed-up. Solutions whose intervals overlap share a rank ("1="); failures follow with their reason.
  public func table(color: Bool) -> String {
    let style = TerminalStyle(isOn: color)
    var out = ""
    for group in MeasurementGroup.all(self) {
      if !out.isEmpty { out += "\n" }
      out +=
        style.bold(FigureText.line(group.definition, limit: 120)) + "  " + FigureText.line(group.axesText, limit: 160)
      out += style.dim(Self.costText(group, ceilings)) + "\n"
      let timed = group.rows.filter { $0.rank != nil }
      if !timed.isEmpty { out += Self.columns(timed, style) }
      for row in group.rows where row.rank == nil {
        out += "  " + style.red("✗ ") + FigureText.line(row.measurement.solution) + "  "
        out += style.red(FigureText.line(row.failure, limit: 200)) + "\n"
      }
    }
    return out
  }

  /// "  74.2 kB, 36.9 kFLOP, roofline 1.20 µs"
  static func costText(_ group: MeasurementGroup, _ ceilings: MachineCeilings?) -> String {
    guard let cost = group.cost else { return "" }
    var parts = [FigureText.amount(cost.bytes, "B")]
    if cost.operations > 0 { parts.append(FigureText.amount(cost.operations, "FLOP")) }
    if let ceilings, cost.rooflineSeconds(ceilings) > 0 {
      parts.append("roofline \(FigureText.time(cost.rooflineSeconds(ceilings)))")
    }
    return "  " + parts.joined(separator: ", ")
  }

  private static func columns(_ rows: [MeasurementGroup.Row], _ style: TerminalStyle) -> String {
    var lines = [["", "solution", "median", "95 % interval", "GB/s", "GFLOP/s", "roofline", "speed-up"]]
    for row in rows {
      guard let timing = row.measurement.timing else { continue }
      lines.append([
        row.rankText, FigureText.line(row.measurement.solution), FigureText.time(timing.median),
        FigureText.interval(timing.low, timing.high), FigureText.short(row.bytesPerSecond / 1e9),
        row.operationsPerSecond > 0 ? FigureText.short(row.operationsPerSecond / 1e9) : "–",
        row.floorShare.map(FigureText.percent) ?? "–", row.speedupText,
      ])
    }
    let widths = (0..<8).map { column in lines.map { $0[column].count }.max() ?? 0 }
    var out = ""
    for (i, line) in lines.enumerated() {
      var text = " "
      for (column, cell) in line.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        text += " " + (column == 1 ? cell + padding : padding + cell) + " "
      }
      while text.last == " " { text.removeLast() }
      let isFirst = i > 0 && rows[i - 1].rank == 1
      out += (i == 0 ? style.dim(text) : isFirst ? style.green(text) : text) + "\n"
    }
    return out
  }
}

/// Colours of a terminal, or none.
private struct TerminalStyle {
  let isOn: Bool
  private func wrap(_ text: String, _ code: Int) -> String {
    isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
  func bold(_ text: String) -> String { wrap(text, 1) }
  func dim(_ text: String) -> String { wrap(text, 2) }
  func red(_ text: String) -> String { wrap(text, 31) }
  func green(_ text: String) -> String { wrap(text, 32) }
}
