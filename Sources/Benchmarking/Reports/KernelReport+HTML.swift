import Traces

extension KernelReport {
  /// One page that needs nothing else: summary, a roofline plot for each operation, a table for each definition and
  /// workload, and the logs of what failed. All texts from outside are escaped.
  public func html() -> String {
    let groups = MeasurementGroup.all(self)
    var operations: [String] = []
    for group in groups where !operations.contains(group.operation) { operations.append(group.operation) }
    var out = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>Kernel benchmark</title>
      <style>
      \(HTMLText.style)
      </style>
      </head>
      <body>
      <h1>Kernel benchmark</h1>

      """
    out += HTMLText.element("p", headline, attributes: "class=\"dim\"") + "\n"
    out += summary(operations, groups)
    for operation in operations {
      let own = groups.filter { $0.operation == operation }
      out += HTMLText.element("h2", operation.isEmpty ? "(no operation)" : operation) + "\n"
      out += RooflinePlot(own, ceilings).svg
      for group in own { out += section(group) }
    }
    out += failures(groups)
    return out + "</body>\n</html>\n"
  }

  private var headline: String {
    var parts = [machine, "commit \(commit)"]
    if let ceilings {
      parts.append(
        "\(ceilings.threads) threads, \(ceilings.instructionSet): \(FigureText.short(ceilings.floatGigaflops)) GFLOP/s float, "
          + "\(FigureText.short(ceilings.integerGigaops)) Gop/s int16, \(FigureText.short(ceilings.readGigabytes)) GB/s"
      )
    }
    return parts.filter { !$0.isEmpty }.joined(separator: " · ")
  }

  /// Of each operation: workloads, passes, failures, and how often each solution was fastest or tied for it.
  private func summary(_ operations: [String], _ groups: [MeasurementGroup]) -> String {
    if operations.isEmpty { return "<p>Nothing was measured.</p>\n" }
    var out = "<div class=\"wide\"><table>\n<tr><th class=\"left\">operation</th><th>workloads</th><th>passed</th>"
    out += "<th>failed</th><th class=\"left\">fastest, or tied for it</th></tr>\n"
    for operation in operations {
      let own = groups.filter { $0.operation == operation }, rows = own.flatMap(\.rows)
      var order: [String] = [], wins: [String: Int] = [:]
      for row in rows where row.rank == 1 {
        if wins[row.measurement.solution] == nil { order.append(row.measurement.solution) }
        wins[row.measurement.solution, default: 0] += 1
      }
      let best = order.sorted { (wins[$0] ?? 0, $1) > (wins[$1] ?? 0, $0) }
      let passed = rows.filter { $0.measurement.evaluation.status == .passed }.count
      out += "<tr>" + HTMLText.element("td", operation, attributes: "class=\"left\"")
      out += "<td>\(own.count)</td><td class=\"good\">\(passed)</td><td class=\"bad\">\(rows.count - passed)</td>"
      out += HTMLText.element(
        "td", best.map { "\($0) (\(wins[$0] ?? 0))" }.joined(separator: ", "), attributes: "class=\"left\"")
      out += "</tr>\n"
    }
    return out + "</table></div>\n"
  }

  private func section(_ group: MeasurementGroup) -> String {
    var out = HTMLText.element("h3", group.definition) + "\n"
    out +=
      HTMLText.element("p", group.axesText + " ·" + Self.costText(group, ceilings), attributes: "class=\"dim\"") + "\n"
    out += "<div class=\"wide\"><table>\n<tr><th></th>"
    out +=
      "<th class=\"left\">solution</th><th class=\"left\">language</th><th class=\"left\">author</th><th>median</th>"
    out += "<th>95 % interval</th><th>GB/s</th><th>GFLOP/s</th><th>roofline</th><th>speed-up</th><th>build</th>"
    out += "<th>first call</th><th>batch-invariant</th></tr>\n"
    for row in group.rows {
      let measurement = row.measurement
      out += "<tr>" + HTMLText.element("td", row.rankText, attributes: row.rank == 1 ? "class=\"good\"" : "")
      for text in [measurement.solution, measurement.flavor, measurement.author] {
        out += HTMLText.element("td", text, attributes: "class=\"left\"")
      }
      if let timing = measurement.timing, row.rank != nil {
        let invariant = measurement.batchInvariant.map { $0 ? "yes" : "no" } ?? ""
        for text in [
          FigureText.time(timing.median), FigureText.interval(timing.low, timing.high),
          FigureText.short(row.bytesPerSecond / 1e9),
          row.operationsPerSecond > 0 ? FigureText.short(row.operationsPerSecond / 1e9) : "–",
          row.floorShare.map(FigureText.percent) ?? "–", row.speedupText,
          measurement.prepareSeconds.map(FigureText.time) ?? "",
          measurement.firstCallSeconds.map(FigureText.time) ?? "",
          invariant,
        ] { out += HTMLText.element("td", text) }
      } else {
        out += HTMLText.element(
          "td", FigureText.line(row.failure, limit: 160), attributes: "class=\"left bad\" colspan=\"9\"")
      }
      out += "</tr>\n"
    }
    return out + "</table></div>\n"
  }

  private func failures(_ groups: [MeasurementGroup]) -> String {
    var out = ""
    for group in groups {
      for row in group.rows where row.measurement.evaluation.status != .passed {
        let evaluation = row.measurement.evaluation
        out += "<details>"
        out += HTMLText.element(
          "summary",
          "\(evaluation.status.rawValue) · \(row.measurement.solution) · \(group.definition) · \(group.axesText)")
        if let correctness = evaluation.correctness {
          let errors = (correctness.maxAbsoluteError, correctness.maxRelativeError)
          out += HTMLText.element("p", "largest error: \(errors.0) absolute, \(errors.1) relative")
        }
        out += HTMLText.element("pre", evaluation.log.isEmpty ? "(no log)" : evaluation.log) + "</details>\n"
      }
    }
    return out.isEmpty ? "" : "<h2>Failures</h2>\n" + out
  }
}
