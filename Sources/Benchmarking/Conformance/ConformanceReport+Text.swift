import JSONText
import KernelRuntime

extension ConformanceReport {
  private static let heads = [
    "operation", "solution", "executed by", "definitions", "calls", "worst error", "seconds", "",
  ]

  private static func cells(_ row: Row) -> [String] {
    [
      row.operation, row.solution, row.execution.rawValue, "\(row.executed.count) of \(row.results.count)",
      "\(row.calls)", row.calls == 0 ? "–" : ConformanceCheck.text(row.worst?.worstError ?? 0), seconds(row.seconds),
      row.verdict,
    ]
  }

  private static func seconds(_ value: Double) -> String {
    let hundredths = Int((min(value, 1e9) * 100).rounded()), rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }

  /// A table for a terminal; below it what is wrong, and why solutions were not run at all.
  public var table: String {
    let rows = rows, lines = [Self.heads] + rows.map(Self.cells)
    let widths = Self.heads.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    var out = ""
    for line in lines {
      var text = ""
      for (column, cell) in line.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        text += (3...6 ~= column ? padding + cell : cell + padding) + "  "
      }
      while text.last == " " { text.removeLast() }
      out += text + "\n"
    }
    for row in rows where !row.passes {
      out += "\n\(row.solution):\n"
      for failure in row.failures.prefix(40) { out += "  \(FigureText.line(failure, limit: 400))\n" }
    }
    for row in rows where row.executed.isEmpty && row.passes {
      out += "\n\(row.solution) was not executed:\n"
      for refusal in row.refusals.prefix(3) { out += "  \(FigureText.line(refusal.reason, limit: 400))\n" }
    }
    return out
  }

  /// The same as a page of Markdown.
  public var markdown: String {
    var out = "# Conformance of kernels on \(device)\n\n"
    out += "Errors are shares of what is allowed: 1 is the most that agrees, 0 is bit for bit what the oracle has."
    if !sanitizer.isEmpty { out += " Memory was watched by the \(sanitizer) sanitizer." }
    out += "\n\n| operation | solution | executed by | definitions | calls | worst error | seconds | |\n"
    out += "|---|---|---|---:|---:|---:|---:|---|\n"
    let rows = rows
    for row in rows { out += "| " + Self.cells(row).map(Self.cell).joined(separator: " | ") + " |\n" }
    let failing = rows.filter { !$0.passes }
    if !failing.isEmpty { out += "\n## What disagrees\n\n" }
    for row in failing { for failure in row.failures { out += "- \(row.solution): \(Self.cell(failure))\n" } }
    let refusing = rows.filter { !$0.refusals.isEmpty }
    if !refusing.isEmpty { out += "\n## What was not executed\n\n" }
    for row in refusing {
      for refusal in row.refusals {
        let names = refusal.definitions.map { "`\($0)`" }.joined(separator: ", ")
        out += "- \(row.solution): \(Self.cell(refusal.reason)): \(names)\n"
      }
    }
    return out
  }

  private static func cell(_ text: String) -> String {
    String(text.flatMap { $0 == "|" ? "\\|" : $0 == "\n" ? " " : "\($0)" })
  }

  /// Everything, for programs.
  public var json: JSONValue {
    .object(
      JSONObject([
        ("format", .int(1)), ("device", .string(device)),
        ("sanitizer", sanitizer.isEmpty ? .null : .string(sanitizer)), ("passes", .bool(passes)),
        ("results", .array(results.map(Self.json))),
      ]))
  }

  private static func json(_ result: ConformanceResult) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("definition", .string(result.definition)), ("operation", .string(result.operation)),
      ("solution", .string(result.solution)), ("language", .string(result.language.rawValue)),
      ("source", .string(result.source)), ("execution", .string(result.execution.rawValue)),
    ]
    switch result.verdict {
    case .agrees: members.append(("verdict", .string("agrees")))
    case .disagrees(let sentences):
      members += [("verdict", .string("disagrees")), ("reasons", .array(sentences.map { .string($0) }))]
    case .refused(let reason): members += [("verdict", .string("refused")), ("reasons", .array([.string(reason)]))]
    case .notBuilt(let reason): members += [("verdict", .string("not built")), ("reasons", .array([.string(reason)]))]
    }
    guard result.execution != .notExecuted else { return .object(JSONObject(members)) }
    members += [
      ("calls", .int(result.calls)),
      ("worst_error", result.worstError.isFinite ? .double(result.worstError) : .string("infinite")),
      ("worst_element", result.worstElement.map { .string($0) } ?? .null), ("seconds", .double(result.seconds)),
      ("build_seconds", .double(result.buildSeconds)),
    ]
    return .object(JSONObject(members))
  }
}
