import Checkpoints
import FoundationEssentials
import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// What each room holds beside its kernels: prose, and workloads as the default model calls the operation.
@Suite struct RoomTests {
  private static let rooms = [
    "attention", "embedding", "gemm", "kv_store", "mla", "moe", "rmsnorm", "rope", "sampling", "silu_and_mul",
  ]
  private static let root = String(#filePath.dropLast("Tests/KernelConformanceTests/RoomTests.swift".count))
  private static let folder = root + "Kernels/"

  /// Definitions with the sizes of SmolLM2-135M in Q4_1, by name; for operations that it lacks, those of public models.
  private static let definitions: [String: Definition] = Dictionary(
    uniqueKeysWithValues: [
      FusedAddRMSNorm.definition(hiddenSize: 576),
      Embedding.definition(format: .q8_0, vocabularySize: 49_152, hiddenSize: 576),
      Gemm.definition(format: .q4_1, features: 576, inputs: 576, hasBias: false),
      RotaryEmbedding.definition(
        queryHeads: 9, keyValueHeads: 3, headDimension: 64, rotaryDimension: 64, style: .interleaved),
      KeyValueStore.definition(keyValueHeads: 3, headDimension: 64, pageSize: 16, cacheType: .float16),
      KeyValueStore.definition(keyValueHeads: 3, headDimension: 64, pageSize: 16, cacheType: .int8),
      PagedAttention.definition(
        queryHeads: 9, keyValueHeads: 3, headDimension: 64, pageSize: 16, cacheType: .float16),
      PagedAttention.definition(queryHeads: 9, keyValueHeads: 3, headDimension: 64, pageSize: 16, cacheType: .int8),
      SiluAndMul.definition(intermediateSize: 1536), Sampler.definition(vocabularySize: 49_152),
      publicDefinition("mla_paged/mla_paged_decode_h16_ckv512_kpe64_ps1"),
      publicDefinition("moe/moe_fp8_block_scale_renorm_topk8_e128_h2048_i768"),
    ].compactMap { $0 }.map { ($0.name, $0) })

  private static func publicDefinition(_ name: String) -> Definition? {
    FileManager.default.contents(atPath: root + "Tests/Fixtures/flashinfer-trace/definitions/\(name).json")
      .flatMap { try? Definition(json: Array($0)) }
  }

  @Test("the list of rooms is that of the solutions' sources")
  func roomsAreListed() {
    let found = Set(KernelCatalog.solutions.map { $0.source.split(separator: "/")[1] })
    #expect(found == Set(Self.rooms.map { Substring($0) }))
  }

  @Test("a room's workloads are traces that fit the definition", arguments: rooms)
  func workloads(_ room: String) throws {
    let bytes = try #require(FileManager.default.contents(atPath: Self.folder + room + "/workloads.jsonl"))
    let lines = TraceLines.read(Array(bytes))
    var linesOf: [String: Int] = [:], uuids = Set<String>()
    for line in lines {
      let trace = try line.trace.get()
      let definition = try #require(Self.definitions[trace.definition], "\(room):\(line.number): \(trace.definition)")
      linesOf[trace.definition, default: 0] += 1
      uuids.insert(trace.workload.uuid)
      #expect(trace.solution == nil && trace.evaluation == nil)
      let axes = try definition.variableAxes(of: trace.workload)
      #expect(axes.names == definition.varAxes, "exactly the variable axes")
      #expect(trace.workload.inputs.names == definition.inputs.names, "every input, in order")
      for (name, input) in trace.workload.inputs {
        let isScalar = if case .scalar = input { true } else { false }
        #expect(definition.inputs[name]?.isScalar == isScalar, "\(room):\(line.number): \(name)")
      }
      for result in definition.evaluateConstraints(axes: axes) { #expect(result.outcome != .violated, "\(result)") }
      let solutions = KernelCatalog.solutions.filter { $0.operation == definition.opType }
      #expect(solutions.allSatisfy { $0.source.hasPrefix("Kernels/\(room)/") })
    }
    #expect(!linesOf.isEmpty && linesOf.values.allSatisfy { 3...6 ~= $0 })
    #expect(Set(linesOf.keys.compactMap { Self.definitions[$0]?.opType }).count == 1)
    #expect(uuids.count == lines.count)
  }

  @Test("a room's sources and prose are where its solutions say", arguments: rooms)
  func sources(_ room: String) throws {
    let prose = try #require(FileManager.default.contents(atPath: Self.folder + room + "/README.md"))
    let text = String(decoding: prose, as: UTF8.self)
    #expect(text.hasPrefix("# \(room)\n"))
    let root = Self.folder.dropLast("Kernels/".count)
    for solution in KernelCatalog.solutions where solution.source.hasPrefix("Kernels/\(room)/") {
      let files = try FileManager.default.contentsOfDirectory(atPath: root + solution.source)
      #expect(files.contains { $0.hasSuffix(".swift") || $0.hasSuffix(".cpp") }, "\(solution.source)")
    }
    // Sources that the prose names exist.
    for name in text.split(separator: "`").filter({ $0.hasPrefix("swift/") || $0.hasPrefix("cpp/") }) {
      #expect(
        FileManager.default.fileExists(atPath: Self.folder + room + "/" + name), "\(room)/README.md names \(name)")
    }
  }
}
