import Glibc

/// The measurements of one operation against the machine's ceilings, as inline SVG with logarithmic axes.
///
/// With arithmetic: operations a second over operations per byte, under the roofline. Without (copies, look-ups): bytes a
/// second over bytes, under the bandwidth.
struct RooflinePlot {
  private struct Point {
    let x: Double, y: Double
    let flavor: String, title: String
  }
  private let points: [Point]
  private let flavors: [String]
  private let ceilings: MachineCeilings?
  private let hasArithmetic: Bool
  private static let (width, height, left, top, right, bottom) = (720.0, 380.0, 62.0, 20.0, 20.0, 46.0)

  init(_ groups: [MeasurementGroup], _ ceilings: MachineCeilings?) {
    self.ceilings = ceilings
    let rows = groups.flatMap { group in group.rows.filter { $0.rank != nil }.map { (group, $0) } }
    let hasArithmetic = rows.contains { ($0.1.measurement.cost?.operations ?? 0) > 0 }
    var points: [Point] = [], flavors: [String] = []
    for (group, row) in rows {
      guard let cost = row.measurement.cost, let timing = row.measurement.timing else { continue }
      let x = hasArithmetic ? cost.operations / cost.bytes : cost.bytes
      let y = (hasArithmetic ? row.operationsPerSecond : row.bytesPerSecond) / 1e9
      guard x > 0, y > 0, x.isFinite, y.isFinite else { continue }
      if !flavors.contains(row.measurement.flavor) { flavors.append(row.measurement.flavor) }
      let title =
        "\(row.measurement.solution): \(group.definition), \(group.axesText): \(FigureText.time(timing.median)), "
        + "\(FigureText.short(y)) \(hasArithmetic ? "GFLOP/s" : "GB/s")"
      points.append(Point(x: x, y: y, flavor: row.measurement.flavor, title: title))
    }
    (self.points, self.flavors, self.hasArithmetic) = (points, flavors, hasArithmetic)
  }

  /// Empty when there is nothing to show.
  var svg: String {
    guard let firstX = points.map(\.x).min(), let lastX = points.map(\.x).max(), let firstY = points.map(\.y).min(),
      let lastY = points.map(\.y).max()
    else { return "" }
    let roof = ceilings.map { ceilings in hasArithmetic ? peak(ceilings) : ceilings.readGigabytes } ?? lastY
    // The ridge, where memory stops bounding, is in view.
    let ridge = ceilings.map { hasArithmetic ? peak($0) / max($0.readGigabytes, 1e-9) : lastX } ?? lastX
    let x = LogAxis(min(firstX, hasArithmetic ? ridge : firstX), max(lastX, hasArithmetic ? ridge : lastX))
    let y = LogAxis(firstY, max(lastY, roof))
    var out = "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" "
    out += "aria-label=\"\(hasArithmetic ? "Roofline" : "Bandwidth")\">\n"
    out += grid(x, y) + ceilingLines(x, y)
    for point in points {
      let color = (flavors.firstIndex(of: point.flavor) ?? 0) % 6
      out += "<circle cx=\"\(px(x, point.x))\" cy=\"\(py(y, point.y))\" r=\"4.5\" style=\"fill: var(--c\(color))\">"
      out += HTMLText.element("title", point.title) + "</circle>\n"
    }
    return out + legend() + "</svg>\n"
  }

  private func peak(_ ceilings: MachineCeilings) -> Double { max(ceilings.floatGigaflops, ceilings.integerGigaops) }

  /// Whole decades that hold a range of positive numbers.
  private struct LogAxis {
    let first: Int, last: Int
    init(_ low: Double, _ high: Double) {
      let ends = (log10(max(low, 1e-12)).rounded(.down), log10(min(max(high, 1e-12), 1e30)).rounded(.up))
      first = Int(max(-12, min(30, ends.0)))
      last = max(Int(max(-12, min(30, ends.1))), first + 1)
    }
    /// 0 at the start, 1 at the end.
    func share(_ value: Double) -> Double { (log10(max(value, 1e-12)) - Double(first)) / Double(last - first) }
    func text(_ decade: Int) -> String {
      if decade < -2 || decade > 5 { return "1e\(decade)" }
      return decade < 0
        ? "0." + String(repeating: "0", count: -decade - 1) + "1" : "1" + String(repeating: "0", count: decade)
    }
  }

  private func px(_ axis: LogAxis, _ value: Double) -> String {
    FigureText.fixed(Self.left + axis.share(value) * (Self.width - Self.left - Self.right), 1)
  }
  private func py(_ axis: LogAxis, _ value: Double) -> String {
    FigureText.fixed(Self.height - Self.bottom - axis.share(value) * (Self.height - Self.top - Self.bottom), 1)
  }

  private func grid(_ x: LogAxis, _ y: LogAxis) -> String {
    var out = ""
    let (x0, x1) = (FigureText.fixed(Self.left, 1), FigureText.fixed(Self.width - Self.right, 1))
    let (y0, y1) = (FigureText.fixed(Self.height - Self.bottom, 1), FigureText.fixed(Self.top, 1))
    for decade in x.first...x.last {
      let at = px(x, pow(10, Double(decade)))
      out += "<line class=\"axis\" x1=\"\(at)\" y1=\"\(y0)\" x2=\"\(at)\" y2=\"\(y1)\"/>"
      out += "<text x=\"\(at)\" y=\"\(FigureText.fixed(Self.height - Self.bottom + 16, 1))\" text-anchor=\"middle\">"
      out += "\(x.text(decade))</text>\n"
    }
    for decade in y.first...y.last {
      let at = py(y, pow(10, Double(decade)))
      out += "<line class=\"axis\" x1=\"\(x0)\" y1=\"\(at)\" x2=\"\(x1)\" y2=\"\(at)\"/>"
      out +=
        "<text x=\"\(FigureText.fixed(Self.left - 6, 1))\" y=\"\(at)\" text-anchor=\"end\">\(y.text(decade))</text>\n"
    }
    let middle = FigureText.fixed(Self.left + (Self.width - Self.left - Self.right) / 2, 1)
    out += "<text x=\"\(middle)\" y=\"\(FigureText.fixed(Self.height - 10, 1))\" text-anchor=\"middle\">"
    out += "\(hasArithmetic ? "operations per byte" : "bytes")</text>"
    return out + "<text x=\"6\" y=\"13\">\(hasArithmetic ? "GFLOP/s" : "GB/s")</text>\n"
  }

  private func ceilingLines(_ x: LogAxis, _ y: LogAxis) -> String {
    guard let ceilings else { return "" }
    let (first, last) = (pow(10, Double(x.first)), pow(10, Double(x.last)))
    func line(_ points: [(Double, Double)]) -> String {
      let path = points.map { "\(px(x, $0.0)),\(py(y, max($0.1, pow(10, Double(y.first)))))" }.joined(separator: " ")
      return "<polyline class=\"ceiling\" points=\"\(path)\"/>\n"
    }
    let bandwidth = ceilings.readGigabytes
    guard hasArithmetic else { return bandwidth > 0 ? line([(first, bandwidth), (last, bandwidth)]) : "" }
    var out = ""
    for peak in [ceilings.floatGigaflops, ceilings.integerGigaops] where peak > 0 && bandwidth > 0 {
      // Memory bounds below the ridge; the slope leaves the plot at its lower edge.
      let ridge = peak / bandwidth, bottom = max(first, pow(10, Double(y.first)) / bandwidth)
      out += line([(min(bottom, ridge), min(bandwidth * bottom, peak)), (ridge, peak), (max(last, ridge), peak)])
    }
    return out
  }

  private func legend() -> String {
    var out = ""
    for (i, flavor) in flavors.enumerated() {
      let y = FigureText.fixed(Self.top + 14 + 16 * Double(i), 1), x = Self.left + 12
      out += "<circle cx=\"\(FigureText.fixed(x, 1))\" cy=\"\(y)\" r=\"4.5\" style=\"fill: var(--c\(i % 6))\"/>"
      out += "<text x=\"\(FigureText.fixed(x + 10, 1))\" y=\"\(y)\" dy=\"4\">\(HTMLText.escaped(flavor))</text>\n"
    }
    return out
  }
}
