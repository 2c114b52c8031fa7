import Benchmarking
import JSONText
import KernelRuntime
import Kernels
import Testing
import Traces

/// What a check tells, as a table, as Markdown and as JSON.
@Suite struct ReportTests {
  private static let definitions = [16, 33].map { SiluAndMul.definition(intermediateSize: $0, dtype: .bfloat16) }

  /// A solution that computes rightly, refuses, or leaves outputs as they are.
  private static func solution(_ flavor: KernelFlavor, refusing reason: String? = nil, lazy: Bool = false)
    -> KernelSolution
  {
    KernelSolution(
      operation: "silu_and_mul", flavor: flavor, source: "Kernels/silu_and_mul/\(flavor)",
      availability: { _, _ in reason.map { .unavailable(because: $0) } ?? .available },
      build: { definition, context throws(KernelError) in
        guard let oracle = KernelOracles.oracle(of: definition) else { throw KernelError(.buildFailed, "no oracle") }
        return lazy ? SwiftKernel { _, _ throws(KernelError) in } : try oracle.build(definition, context)
      })
  }

  private static func report(_ solutions: [KernelSolution], jobs: Int = 1) throws -> ConformanceReport {
    var batch = ConformanceBatch(definitions: definitions)
    (batch.jobs, batch.workloads) = (jobs, ConformanceWorkload.few(of:))
    return ConformanceReport(try batch.run { (ConformanceCPU(threads: 1), solutions) }, device: "cpu")
  }

  @Test("a kernel × language has one line: how it was executed, how much of it, its worst error")
  func rows() throws {
    let report = try Self.report([
      Self.solution(.cuda), Self.solution(.triton, refusing: "head_dim % 16 == 0 does not hold"),
    ])
    #expect(report.passes)
    let rows = report.rows
    #expect(rows.map(\.solution) == ["silu_and_mul_cuda", "silu_and_mul_triton"])
    #expect(rows.map(\.execution) == [.emulation, .notExecuted] && rows.map(\.calls) == [4, 0])
    #expect(rows[1].refusals.map(\.definitions) == [Self.definitions.map(\.name)])
    #expect(rows.map(\.verdict) == ["agrees", "–"])
    #expect(report.table.contains("silu_and_mul_cuda    emulation     "))
    #expect(report.table.contains("silu_and_mul_triton was not executed:\n  head_dim % 16 == 0 does not hold"))
    #expect(report.markdown.contains("| silu_and_mul | silu_and_mul_cuda | emulation | 2 of 2 | 4 | 0.0 |"))
    #expect(report.markdown.contains("## What was not executed\n\n- silu_and_mul_triton: head_dim % 16 == 0"))
  }

  @Test("a kernel that leaves its outputs out is wrong in every form of the report")
  func wrong() throws {
    let report = try Self.report([Self.solution(.tilelang, lazy: true)])
    #expect(!report.passes && report.rows.map(\.verdict) == ["WRONG"])
    #expect(report.table.contains("is as it was before the call"))
    #expect(
      report.markdown.contains("## What disagrees\n\n- silu_and_mul_tilelang: silu_and_mul_h16_bfloat16: 5 rows: "))
    let json = try JSONValue(parsing: Array(report.json.pretty.utf8)), first = json["results"]?.array?.first
    #expect(json["passes"]?.bool == false && json["device"]?.string == "cpu")
    #expect(first?["verdict"]?.string == "disagrees" && first?["worst_error"]?.string == "infinite")
    #expect(first?["execution"]?.string == "emulation" && first?["calls"]?.int == 2)
  }

  @Test("checks several at a time give the same results in the same order")
  func batch() throws {
    let solutions = [Self.solution(.cuda), Self.solution(.triton, lazy: true)]
    func facts(_ report: ConformanceReport) -> [String] {
      report.results.map { "\($0.definition) \($0.solution) \($0.verdict) \($0.worstError)" }
    }
    #expect(facts(try Self.report(solutions, jobs: 3)) == facts(try Self.report(solutions)))
  }

  @Test("what keeps a device from being there ends the check")
  func noDevice() {
    struct Absent: Error {}
    let batch = ConformanceBatch(definitions: Self.definitions)
    #expect(throws: Absent.self) { try batch.run { () throws -> ConformanceBatch.Bench in throw Absent() } }
  }
}
