import ArgumentParser
import Benchmarking
import FoundationEssentials
import JSONText
import KernelRuntime
import Kernels
import Traces

/// `swiftlet kernels build --all`: compiles kernels for GPUs on a machine that has none.
struct GPUBuild {
  let builder: GPUKernelBuilder
  let targets: [String]
  let operations: [String], languages: [String], definitions: [String]
  let jobs: Int
  let out: String?

  /// - Returns: reports, and definitions that no source takes.
  func run(printing: Bool) throws -> (reports: [GPUBuildReport], uncovered: [String]) {
    func fits(_ patterns: [String], _ name: String) -> Bool {
      patterns.isEmpty || patterns.contains { NamePattern($0).matches(name) }
    }
    var seen: Set<String> = []
    // All that there are, where some are named.
    let known = definitions.isEmpty ? GPUDefinitions.compiled : GPUDefinitions.conformance + GPUDefinitions.benchmark
    let wanted = known.filter {
      fits(operations, $0.opType) && fits(definitions, $0.name) && seen.insert($0.name).inserted
    }
    let tasks = builder.tasks(wanted, targets: targets) { fits(languages, $0.language.rawValue) }
    let covered = Set(tasks.map(\.definition.name))
    if printing { Terminal.print(Self.header) }
    let reports = builder.build(tasks, jobs: jobs) { report in
      if printing { for row in Self.rows(report) { Terminal.print(row) } }
    }
    if let out {
      for artifact in reports.compactMap(\.artifact) { try artifact.copy(to: out) }
    }
    return (reports, wanted.map(\.name).filter { !covered.contains($0) })
  }

  // MARK: the table

  private static let header = row(
    "solution", "definition", "target", "registers", "spills", "stack", "shared", "seconds", "")

  static func rows(_ report: GPUBuildReport) -> [String] {
    let seconds = "\((report.duration / .milliseconds(10)).rounded() / 100)"
    guard let artifact = report.artifact else {
      guard case .failed(let reason) = report.outcome else { return [] }
      let lines = reason.split(separator: "\n").prefix(12).map { "    " + TextTable.printable(String($0)) }
      return [row(report.solution, report.definition, report.target, "", "", "", "", seconds, "FAILED")] + lines
    }
    return report.resources.enumerated().map { index, used in
      let bytes = used.resources
      return row(
        index == 0 ? report.solution : "  " + bytes.entry, index == 0 ? report.definition : "", report.target,
        "\(bytes.registers)", "\(bytes.spillStores)/\(bytes.spillLoads)", "\(bytes.stack)",
        used.sharedBytes.map(String.init) ?? "varies", index == 0 ? seconds : "",
        index == 0 && artifact.isFromCache ? "cached" : "")
    }
  }

  private static func row(_ columns: String...) -> String {
    let widths = [28, 58, 7, 9, 8, 5, 7, 7, 0]
    let text = zip(columns, widths).map { TextTable.padded($0, to: $1) }.joined(separator: "  ")
    return String(text.reversed().drop { $0 == " " }.reversed())
  }

  // MARK: the report

  static func summary(_ reports: [GPUBuildReport], _ uncovered: [String]) -> String {
    let failed = reports.count { $0.hasFailed }, cached = reports.count { $0.artifact?.isFromCache == true }
    var text =
      "\(reports.count) artifacts: \(reports.count - failed - cached) built, \(cached) cached, \(failed) failed"
    if !uncovered.isEmpty { text += "; no kernel takes \(uncovered.joined(separator: ", "))" }
    return text
  }

  static func json(_ reports: [GPUBuildReport], _ uncovered: [String], _ toolchain: KernelToolchain) -> JSONValue {
    .object(
      JSONObject([
        (
          "toolchain",
          .object(JSONObject(toolchain.versions.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        ),
        ("artifacts", .array(reports.map(\.json))), ("without_kernel", .array(uncovered.map(JSONValue.string))),
        ("failed", .int(reports.count { $0.hasFailed })),
      ]))
  }
}
