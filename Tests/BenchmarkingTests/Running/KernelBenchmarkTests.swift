import JSONText
import KernelRuntime
import Kernels
import Testing
import Traces

@testable import Benchmarking

@Suite(.serialized) struct KernelBenchmarkTests {
  /// Every solution of the program for one definition.
  private func program(_ definition: Definition) -> [BenchmarkCandidate] {
    KernelCatalog.solutions.filter { solution in
      solution.computes(definition) && solution.flavor != .swift
    }.map { BenchmarkCandidate($0, version: "test") }
  }

  @Test func `a good solution gets a trace that reads back with everything in it`() throws {
    let found = try Workbench.run([try BenchmarkCandidate(Workbench.document("good_cpp"))])
    let trace = try found[0].trace()
    #expect(try Trace(json: trace.jsonLine[...]) == trace)
    let evaluation = found[0].evaluation
    #expect(evaluation.status == .passed, "\(evaluation.log)")
    let extra = try #require(evaluation.correctness?.extra)
    for key in [
      "solution_hash", "threads", "isa", "seed", "batch_invariant", "prepare_ms", "first_call_ms", "samples",
      "confidence_interval_ms",
    ] { #expect(extra[key] != nil, "\(key)") }
    #expect(extra["batch_invariant"] == .bool(true))
    #expect(extra["solution_hash"] == .string(try Workbench.document("good_cpp").contentHash))
    let performance = try #require(evaluation.performance)
    #expect(performance.latencyMs > 0 && performance.referenceLatencyMs > 0 && performance.speedupFactor > 0)
    #expect(evaluation.environment.hardware == "a processor")
    #expect(evaluation.timestamp.count == 26)
  }

  struct Case: Sendable, CustomStringConvertible {
    let definition: Definition, axes: OrderedMap<Int>
    var description: String { definition.name }
    init(_ definition: Definition, _ axes: OrderedMap<Int>) { (self.definition, self.axes) = (definition, axes) }

    static let all = [
      Case(RMSNorm.definition(hiddenSize: 64), ["batch_size": 5]),
      Case(FusedAddRMSNorm.definition(hiddenSize: 64), ["batch_size": 1]),
      Case(Gemm.definition(format: .q4_1, features: 64, inputs: 64, hasBias: false), ["M": 4]),
      Case(Gemm.definition(format: .f32, features: 48, inputs: 64, hasBias: true), ["M": 1]),
      Case(Embedding.definition(format: .q8_0, vocabularySize: 40, hiddenSize: 64), ["num_tokens": 6]),
      Case(
        KeyValueStore.definition(keyValueHeads: 2, headDimension: 16, pageSize: 4, cacheType: .float16),
        ["num_tokens": 5, "num_pages": 8]),
      Case(
        PagedAttention.definition(
          queryHeads: 4, keyValueHeads: 2, headDimension: 16, pageSize: 4, cacheType: .float32),
        ["total_q": 3, "num_pages": 16, "len_indptr": 4, "batch_size": 3, "num_kv_indices": 9]),
    ]
  }

  @Test(arguments: Case.all) func `every solution of the program passes in a worker`(_ problem: Case) throws {
    let definition = problem.definition, axes = problem.axes
    let workload = Workload(uuid: "w", axes: axes)
    let found = try Workbench.run(program(definition), definition, on: workload)
    #expect(!found.isEmpty)
    for measurement in found {
      let evaluation = measurement.evaluation
      #expect(evaluation.status == .passed, "\(measurement.solution): \(evaluation.log)")
      if definition.opType != "kv_store" { #expect(measurement.batchInvariant == true, "\(measurement.solution)") }
      if definition.opType == "kv_store" { #expect(evaluation.correctness?.extra?["in_place"] == .bool(true)) }
      if definition.opType == "gemm" { #expect(evaluation.correctness?.extra?["weights"] == .string("cold")) }
    }
  }

  @Test func `what was evaluated before is skipped`() throws {
    var names: [String] = []
    let candidates = [try BenchmarkCandidate(Workbench.document("good_cpp"))] + program(Workbench.definition)
    let oracle = try Workbench.oracle(Workbench.definition)
    _ = try KernelBenchmark(Workbench.options()).run(
      Workbench.definition, workloads: [Workbench.workload()], candidates: candidates, reference: .solution(oracle),
      skips: { uuid, name in uuid == "tokens-5" && name != "good_cpp" }
    ) { names.append($0.solution) }
    #expect(names == ["good_cpp"])
  }

  @Test func `a workload that does not fit is told, and the next one runs`() throws {
    var found: [KernelMeasurement] = []
    let problems = try KernelBenchmark(Workbench.options()).run(
      Workbench.definition, workloads: [Workload(uuid: "empty", axes: [:]), Workbench.workload()],
      candidates: [try BenchmarkCandidate(Workbench.document("good_cpp"))],
      reference: .solution(try Workbench.oracle(Workbench.definition))
    ) { found.append($0) }
    guard case .unusable(let sentence)? = problems.first else {
      Issue.record("\(problems)")
      return
    }
    #expect(problems.count == 1 && sentence.contains("num_tokens"), "\(sentence)")
    #expect(found.map(\.workload.uuid) == ["tokens-5"])
  }

  @Test func `without a reference that runs a solution is recorded as not comparable`() throws {
    var found: [KernelMeasurement] = []
    let problems = try KernelBenchmark(Workbench.options()).run(
      Workbench.definition, workloads: [Workbench.workload()],
      candidates: [try BenchmarkCandidate(Workbench.document("good_cpp"))],
      reference: .solution(try BenchmarkCandidate(Workbench.document("crashes")))
    ) { found.append($0) }
    #expect(problems.count == 1)
    #expect(found.first?.evaluation.status == .runtimeError)
    #expect(found.first?.evaluation.log.hasPrefix("NOT_COMPARABLE: ") == true)
  }

  @Test func `zero rows are no reason to fail`() throws {
    let found = try Workbench.run(
      [try BenchmarkCandidate(Workbench.document("good_cpp"))], on: Workbench.workload(tokens: 0))
    #expect(found[0].evaluation.status == .passed, "\(found[0].evaluation.log)")
  }

  @Test func `a time below what the machine needs is refused`() {
    #expect(throws: EvaluationFailure.self) { try CandidateRun.refuse(1e-6, below: 2e-6) }
    #expect(throws: Never.self) { try CandidateRun.refuse(3e-6, below: 2e-6) }
  }
}
