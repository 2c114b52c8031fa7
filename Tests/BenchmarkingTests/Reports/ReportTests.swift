import FoundationEssentials
import Glibc
import JSONText
import TestSupport
import Testing
import Traces

@testable import Benchmarking

struct ReportTests {
  static let attack = #"<script>alert("x" & 'y')</script>"#

  static func measurement(
    _ solution: String, _ samples: [Double], definition: String = "gemm_n8_k4", operation: String = "gemm",
    status: Evaluation.Status = .passed, log: String = "", operations: Double = 2e6
  ) throws -> KernelMeasurement {
    let environment = Environment(hardware: "cpu"), isPassed = status == .passed
    let evaluation = try Evaluation(
      status: status, environment: environment, timestamp: "now", log: log,
      correctness: isPassed || status == .incorrectNumerical ? Correctness(maxAbsoluteError: 0.5) : nil,
      performance: isPassed ? Performance(latencyMs: 1, referenceLatencyMs: 2, speedupFactor: 2) : nil)
    return KernelMeasurement(
      definition: definition, operation: operation, solution: solution, flavor: "swift-fast", author: "swiftlet",
      workload: Workload(uuid: "w-1", axes: ["M": 3]), evaluation: evaluation,
      timing: isPassed ? TimingSummary(samples: samples) : nil, prepareSeconds: 0.25, firstCallSeconds: 0.002,
      cost: WorkCost(bytes: 1e6, operations: operations), batchInvariant: true)
  }

  static func report() throws -> KernelReport {
    KernelReport(
      measurements: [
        try measurement("slow", [1e-3, 1.1e-3, 1.2e-3]), try measurement("fast", [2e-4, 2.1e-4, 2.2e-4]),
        try measurement("as-fast", [2.05e-4, 2.15e-4, 2.25e-4]),
        try measurement(attack, [], status: .incorrectNumerical, log: "\(attack)\nsecond line\u{1B}[31m"),
        try measurement("crash", [], status: .runtimeError, log: "index out of range"),
        try measurement("copy", [1e-5], definition: "kv_store_x", operation: "kv_store", operations: 0),
      ], ceilings: WorkCostTests.ceilings, machine: "A & B <cpu>", commit: "abc123")
  }

  @Test func `the table ranks by the median and marks ties`() throws {
    let lines = try Self.report().table(color: false).split(separator: "\n").map(String.init)
    func line(_ word: String) throws -> String { try #require(lines.first { $0.contains(word) }) }
    #expect(lines[0].hasPrefix("gemm_n8_k4  M=3  1.00 MB, 2.00 MFLOP, roofline 100 µs"))
    #expect(try line(" fast").hasPrefix("  1="))
    #expect(try line("as-fast").hasPrefix("  1="))
    #expect(try line("slow").hasPrefix("   3  slow"))
    // 1 MB and 2 MFLOP in 210 µs; the roofline's 100 µs are 48 %.
    for figure in ["210 µs", "200…220 µs", "4.76", "9.52", "48 %", "2.00×"] {
      #expect(try line(" fast").contains(figure))
    }
    #expect(try line("crash").contains("✗") && line("crash").contains("RUNTIME_ERROR: index out of range"))
    #expect(try line("copy").contains("–"))
    let order = try ["fast", "as-fast", "slow", "✗ <script>"].map { word in
      try #require(lines.firstIndex { $0.contains(word) })
    }
    #expect(order == order.sorted())
  }

  @Test func `colours only where they are asked for, and no control characters from outside`() throws {
    let report = try Self.report()
    #expect(!report.table(color: false).unicodeScalars.contains("\u{1B}"))
    #expect(report.table(color: true).contains("\u{1B}[32m"))
    var hostile = report
    hostile.measurements[1].solution = "a\u{1B}[2J\nb\u{202E}"
    #expect(!hostile.table(color: false).unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
  }

  @Test func `every line of JSON reads back`() throws {
    let report = try Self.report(), lines = report.jsonLines().split(separator: "\n")
    #expect(lines.count == report.measurements.count)
    let values = try lines.map { try JSONValue(parsing: String($0)) }
    #expect(values.map { $0["solution"]?.string } == report.measurements.map(\.solution))
    let fast = values[1]
    #expect(fast["timing"]?["median"]?.double == 2.1e-4 && fast["workload"]?["axes"]?["M"]?.int == 3)
    #expect(fast["evaluation"]?["status"]?.string == "PASSED" && fast["bytes"]?.double == 1e6)
    #expect(fast["machine"]?.string == "A & B <cpu>" && fast["commit"]?.string == "abc123")
    #expect(fast["roofline_seconds"]?.double == 1e-4 && fast["batch_invariant"]?.bool == true)
    #expect(values[4]["timing"]?.isNull == true)
  }

  @Test func `figures have three digits`() {
    #expect(
      [0, 1.234, 9.996, 12.34, 99.96, 1234.5, -0.001].map(FigureText.short) == [
        "0.00", "1.23", "10.0", "12.3", "100", "1235", "0.00",
      ])
    #expect([1.5, 0.0123, 4.56e-6, 7e-9].map(FigureText.time) == ["1.50 s", "12.3 ms", "4.56 µs", "7.00 ns"])
    #expect(FigureText.amount(1234, "B") == "1.23 kB" && FigureText.amount(999, "B") == "999 B")
    #expect(FigureText.short(.nan) == "–" && FigureText.percent(0.485) == "49 %")
    #expect(FigureText.short(1e300) == "1e+300")
  }

  @Test func `an empty report is a page too`() {
    let report = KernelReport(measurements: [], machine: "", commit: "")
    #expect(report.table(color: true) == "" && report.jsonLines() == "")
    #expect(MarkupCheck.problems(report.html()) == [])
  }
}
