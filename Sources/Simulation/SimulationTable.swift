/// Reports side by side, as text: a row for each figure, a column for each policy.
public struct SimulationTable: Sendable {
  /// Columns that stand side by side; more go below.
  static let columns = 6
  private static let (nameWidth, columnWidth) = (24, 15)

  private let reports: [(report: SimulationReport, wallSeconds: Double)]

  /// - reports: each with the real seconds that it took.
  public init(_ reports: [(report: SimulationReport, wallSeconds: Double)]) { self.reports = reports }

  /// Lines, each with its line feed.
  public var text: String {
    stride(from: 0, to: reports.count, by: Self.columns).map { start in
      lines(Array(reports[start..<min(reports.count, start + Self.columns)]))
    }.joined(separator: "\n")
  }

  private func lines(_ columns: [(report: SimulationReport, wallSeconds: Double)]) -> String {
    var text = ""
    func row(_ name: String, _ value: (SimulationReport) -> String) {
      var line = Self.padded(name, to: Self.nameWidth)
      for column in columns { line += Self.padded(value(column.report), to: -Self.columnWidth) }
      text += line + "\n"
    }
    func times(
      _ name: String, _ value: (SimulationReport) -> SampleSummary?, _ parts: [(String, KeyPath<SampleSummary, Double>)]
    ) {
      for (index, part) in parts.enumerated() {
        row(Self.padded(index == 0 ? name : "", to: 13) + part.0) { report in
          value(report).map { Self.seconds($0[keyPath: part.1]) } ?? "–"
        }
      }
    }
    row("queue/eviction") { $0.name }
    row("finished") { "\($0.counts.finished)" }
    row("  cut by the context") { "\($0.counts.cutShort)" }
    row("refused: too long") { "\($0.counts.refusedTooLong)" }
    row("refused: queue full") { "\($0.counts.refusedOverloaded)" }
    if columns.contains(where: { $0.report.counts.refusedEmpty > 0 }) {
      row("refused: no prompt") { "\($0.counts.refusedEmpty)" }
    }
    times("TTFT", \.timeToFirstToken, [("mean", \.mean), ("p50", \.p50), ("p90", \.p90), ("p99", \.p99)])
    times("ITL", \.interTokenLatency, [("p50", \.p50), ("p99", \.p99), ("largest", \.largest)])
    times("end to end", \.endToEnd, [("mean", \.mean), ("p50", \.p50), ("p99", \.p99)])
    times("queue time", \.queueTime, [("mean", \.mean), ("p50", \.p50), ("p99", \.p99)])
    row("prefix hit rate") { Self.fixed($0.prefixHitRate * 100, digits: 2) + " %" }
    row("evicted pages") { "\($0.counts.cache.evictedPages)" }
    row("preemptions") { "\($0.counts.preemptions)" }
    if columns.contains(where: { $0.report.configuration.secondLevelPages > 0 }) {
      row("  of them swaps") { "\($0.counts.swaps)" }
      row("saved pages") { "\($0.counts.cache.savedPages)" }
      row("loaded pages") { "\($0.counts.cache.loadedPages)" }
    }
    row("peak pages held") { "\($0.counts.peakPagesHeld)" }
    row("peak pages used") { "\($0.counts.peakPagesUsed) of \($0.configuration.pageCount)" }
    row("peak running") { "\($0.counts.peakRunning)" }
    row("peak waiting") { "\($0.counts.peakWaiting)" }
    row("generated tokens/s") { $0.throughput.map { Self.fixed($0, digits: 1) } ?? "–" }
    row("steps") { "\($0.counts.steps)" }
    row("virtual time") { Self.seconds($0.virtualSeconds) }
    var line = Self.padded("simulated in", to: Self.nameWidth)
    for column in columns { line += Self.padded(Self.seconds(column.wallSeconds), to: -Self.columnWidth) }
    return text + line + "\n"
  }

  // MARK: Numbers

  /// Left-aligned, or right-aligned for a negative width.
  private static func padded(_ text: String, to width: Int) -> String {
    let blanks = String(repeating: " ", count: max(width < 0 ? 1 : 0, abs(width) - text.count))
    return width < 0 ? blanks + text : text + blanks
  }

  /// A time with a unit that suits it, to three or more digits.
  public static func seconds(_ value: Double) -> String {
    switch value {
    case ..<0.9995e-3: fixed(value * 1e6, digits: 1) + " us"
    case ..<0.9995: fixed(value * 1e3, digits: value < 0.1 ? 2 : 1) + " ms"
    case ..<1e5: fixed(value, digits: value < 100 ? 2 : 1) + " s"
    case ..<1e9: fixed(value / 3600, digits: 1) + " h"
    default: "\(value) s"
    }
  }

  /// With so many digits after the point, rounded; what is too large for that as it is.
  static func fixed(_ value: Double, digits: Int) -> String {
    let factor = (0..<digits).reduce(1.0) { factor, _ in factor * 10 }
    let scaled = (value * factor).rounded()
    guard let whole = Int(exactly: scaled), digits > 0 else { return "\(value)" }
    let (head, tail) = whole.magnitude.quotientAndRemainder(dividingBy: UInt(factor))
    let fraction = String(tail)
    return (whole < 0 ? "-" : "") + "\(head)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}
