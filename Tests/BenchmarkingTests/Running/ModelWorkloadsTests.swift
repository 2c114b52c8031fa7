import Kernels
import TestSupport
import Testing
import Traces

@testable import Benchmarking

@Suite struct ModelWorkloadsTests {
  private static let definitions = [
    RMSNorm.definition(hiddenSize: 64), Gemm.definition(format: .q4_1, features: 64, inputs: 64, hasBias: false),
    Embedding.definition(format: .f32, vocabularySize: 40, hiddenSize: 64),
    KeyValueStore.definition(keyValueHeads: 2, headDimension: 16, pageSize: 16, cacheType: .float16),
    RotaryEmbedding.definition(
      queryHeads: 4, keyValueHeads: 2, headDimension: 16, rotaryDimension: 16, style: .neox),
    PagedAttention.definition(queryHeads: 4, keyValueHeads: 2, headDimension: 16, pageSize: 16, cacheType: .float32),
    SiluAndMul.definition(intermediateSize: 64), Sampler.definition(vocabularySize: 40),
  ]

  @Test(arguments: definitions) func `inputs exist for every shape of a model's operations`(definition: Definition)
    throws
  {
    let workloads = ModelWorkloads.workloads(for: definition)
    #expect(workloads.count == (definition.opType == "sampling" || definition.opType == "sampling_from_logits" ? 3 : 5))
    #expect(Set(workloads.map(\.uuid)).count == workloads.count)
    for workload in workloads { _ = try WorkloadInputs(definition, workload, seed: 1) }
    #expect(ModelWorkloads.workloads(for: definition, isQuick: true).count <= 2)
  }

  @Test func `an output head is measured for last tokens only`() {
    let head = Gemm.definition(format: .q8_0, features: 49_152, inputs: 64, hasBias: false)
    #expect(ModelWorkloads.workloads(for: head).map { $0.axes["M"] } == [1, 4, 16])
  }

  @Test func `names fit patterns as a whole`() {
    let cases = [
      ("gemm_*", "gemm_q4_1_n576", true), ("gemm_*", "my_gemm_x", false), ("*k576", "gemm_n576_k576", true),
      ("*k576", "gemm_k576_bias", false), ("a?c", "abc", true), ("a?c", "ac", false), ("", "", true), ("*", "", true),
      ("*a*b*", "xxaxxbxx", true), ("*a*b", "bbbba", false),
    ]
    for (pattern, name, fits) in cases { #expect(NamePattern(pattern).matches(name) == fits, "\(pattern) \(name)") }
  }

  @Test func `traces are appended line by line, and are found again`() throws {
    let folder = try TemporaryFolder()
    let measurement = try Workbench.run([BenchmarkCandidate(Workbench.document("good_cpp"))])[0]
    let appender = TraceAppender(root: folder.path)
    for _ in 0..<2 { try appender.append(measurement) }
    var set = TraceSet(root: folder.path)
    try set.add(Workbench.definition)
    let read = try TraceSet.load(folder.path, .strict)
    let traces = read.traces[Workbench.definition.name, default: []]
    #expect(traces.count == 2 && traces.allSatisfy(\.isSuccessful))
    var elsewhere = measurement
    elsewhere.author = "../.."
    #expect(throws: SchemaError.self) { try appender.append(elsewhere) }
  }
}
