import Glibc

/// Measurements on a GPU under its roofline, as an SVG file that stands by itself: operations a second over operations per
/// byte, both logarithmic. What only moves memory lies at the left edge, at one operation a byte, and its height is bytes.
struct DeviceRoofline {
  private let report: DeviceReport
  private static let width = 860.0, height = 520.0, left = 70.0, right = 170.0, top = 30.0, bottom = 50.0
  private static let colors = [
    "cuda": "#1f6feb", "triton": "#d1690e", "tilelang": "#2da44e", "flashinfer": "#8250df", "cublaslt": "#b42318",
  ]
  /// Decades of operations a byte, and of operations a second.
  private let x: ClosedRange<Double>, y: ClosedRange<Double>

  init(_ report: DeviceReport) {
    self.report = report
    let peak = report.ceilings.matrixRate ?? report.ceilings.copyBandwidth * 1000
    (x, y) = (-0.3...4, (log10(report.ceilings.copyBandwidth) - 3)...(log10(peak) + 0.3))
  }

  var svg: String {
    var out = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" font-family="sans-serif" \
      font-size="12">
      <rect width="100%" height="100%" fill="white"/>
      <text x="\(Int(Self.left))" y="18">\(HTMLText.escaped(report.device))</text>

      """
    out += axes + roof
    for measurement in report.measurements { out += point(measurement) }
    for (i, flavor) in Self.colors.keys.sorted().enumerated() {
      let y = Self.top + 20 * Double(i) + 20
      out += circle(Self.width - Self.right + 20, y, flavor, "")
      out += "<text x=\"\(Int(Self.width - Self.right + 32))\" y=\"\(Int(y + 4))\">\(flavor)</text>\n"
    }
    return out + "</svg>\n"
  }

  private func place(_ intensity: Double, _ rate: Double) -> (x: Double, y: Double) {
    func share(_ value: Double, _ range: ClosedRange<Double>) -> Double {
      (min(max(log10(max(value, 1e-12)), range.lowerBound), range.upperBound) - range.lowerBound)
        / (range.upperBound - range.lowerBound)
    }
    let width = Self.width - Self.left - Self.right, height = Self.height - Self.top - Self.bottom
    return (Self.left + share(intensity, x) * width, Self.height - Self.bottom - share(rate, y) * height)
  }

  private func point(_ measurement: DeviceMeasurement) -> String {
    guard let timing = measurement.timing else { return "" }
    let work = max(measurement.cost.operations, measurement.cost.bytes)
    let at = place(work / measurement.cost.bytes, work / timing.median)
    let title =
      "\(measurement.solution), \(measurement.definition) \(measurement.kind): \(FigureText.time(timing.median)), "
      + "\(FigureText.percent(report.share(measurement) ?? .nan)) of the ceiling"
    return circle(at.x, at.y, measurement.flavor, "<title>\(HTMLText.escaped(title))</title>")
  }

  private func circle(_ x: Double, _ y: Double, _ flavor: String, _ content: String) -> String {
    "<circle cx=\"\(FigureText.fixed(x, 1))\" cy=\"\(FigureText.fixed(y, 1))\" r=\"4\" fill-opacity=\"0.7\" "
      + "fill=\"\(Self.colors[flavor] ?? "#666")\">\(content)</circle>\n"
  }

  private var roof: String {
    let bandwidth = report.ceilings.copyBandwidth, first = pow(10, x.lowerBound), last = pow(10, x.upperBound)
    var corners = [(first, bandwidth * first)]
    if let peak = report.ceilings.matrixRate {
      corners += [(peak / bandwidth, peak), (last, peak)]
    } else {
      corners.append((last, bandwidth * last))
    }
    let path = corners.map { corner in
      let at = place(corner.0, corner.1)
      return "\(FigureText.fixed(at.x, 1)),\(FigureText.fixed(at.y, 1))"
    }
    return "<polyline fill=\"none\" stroke=\"black\" stroke-width=\"1.5\" points=\"\(path.joined(separator: " "))\"/>\n"
  }

  private var axes: String {
    var out = ""
    for decade in Int(x.lowerBound.rounded(.up))...Int(x.upperBound) {
      let at = place(pow(10, Double(decade)), 1).x
      out += line(at, Self.top, at, Self.height - Self.bottom)
      out +=
        "<text x=\"\(Int(at))\" y=\"\(Int(Self.height - Self.bottom + 18))\" text-anchor=\"middle\">1e\(decade)</text>\n"
    }
    for decade in Int(y.lowerBound.rounded(.up))...Int(y.upperBound) {
      let at = place(1, pow(10, Double(decade))).y
      out += line(Self.left, at, Self.width - Self.right, at)
      out += "<text x=\"\(Int(Self.left - 6))\" y=\"\(Int(at + 4))\" text-anchor=\"end\">1e\(decade)</text>\n"
    }
    out += "<text x=\"\(Int(Self.left))\" y=\"\(Int(Self.height - 12))\">operations per byte (copies: 1)</text>\n"
    return out + "<text x=\"\(Int(Self.width - Self.right - 160))\" y=\"18\">operations or bytes a second</text>\n"
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
    "<line x1=\"\(FigureText.fixed(x1, 1))\" y1=\"\(FigureText.fixed(y1, 1))\" x2=\"\(FigureText.fixed(x2, 1))\" "
      + "y2=\"\(FigureText.fixed(y2, 1))\" stroke=\"#ddd\"/>\n"
  }
}

extension DeviceReport {
  /// All measurements under the device's roofline.
  public var svg: String { DeviceRoofline(self).svg }
}
