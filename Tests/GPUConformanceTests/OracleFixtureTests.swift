import Benchmarking
import FoundationEssentials
import JSONText
import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// The oracles in double precision against what PyTorch makes of the definitions' references.
@Suite struct OracleFixtureTests {
  private static let folder =
    #filePath.dropLast("GPUConformanceTests/OracleFixtureTests.swift".count) + "Fixtures/kernels/"

  /// Small sizes, each operation, each change of meaning.
  static let definitions: [Definition] =
    [
      Embedding.definition(format: .f32, vocabularySize: 5, hiddenSize: 6, dtype: .bfloat16),
      Embedding.definition(format: .f16, vocabularySize: 4, hiddenSize: 6, dtype: .bfloat16, isShard: true),
      RMSNorm.definition(hiddenSize: 10, dtype: .float16),
      RMSNorm.definition(hiddenSize: 9, dtype: .bfloat16, hasOffset: true),
      FusedAddRMSNorm.definition(hiddenSize: 12, dtype: .bfloat16),
      QueryKeyNorm.definition(queryHeads: 3, keyValueHeads: 1, headDimension: 8, dtype: .float16),
      SiluAndMul.definition(intermediateSize: 7, dtype: .bfloat16),
      MergeStates.definition(heads: 2, headDimension: 5, dtype: .bfloat16),
      MergeStates.definition(heads: 3, headDimension: 4),
      Gemm.definition(format: .bf16, features: 6, inputs: 11, hasBias: false, dtype: .bfloat16),
      Gemm.definition(format: .f16, features: 6, inputs: 11, hasBias: true, dtype: .float16),
      RaggedAttention.definition(queryHeads: 4, keyValueHeads: 2, headDimension: 6, dtype: .bfloat16),
    ]
    + [(RotaryStyle.neox, DType.bfloat16), (.interleaved, .float16)].map {
      RotaryEmbedding.definition(
        queryHeads: 2, keyValueHeads: 1, headDimension: 8, rotaryDimension: 6, style: $0, dtype: $1)
    }
    + [(.float8_e4m3fn, .bfloat16), (.float16, .bfloat16), (.bfloat16, .float16)].map { (cache: DType, dtype: DType) in
      KeyValueStore.definition(keyValueHeads: 2, headDimension: 4, pageSize: 2, cacheType: cache, dtype: dtype)
    }
    + [PagedAttention.Stage.prefill, .decode].flatMap { stage in
      [
        attention(stage, .bfloat16), attention(stage, .float16, window: 4), attention(stage, .bfloat16, softCap: 2.5),
        attention(stage, .float16, hasAlibi: true), attention(stage, .bfloat16, cache: .float8_e4m3fn),
      ]
    }

  private static func attention(
    _ stage: PagedAttention.Stage, _ dtype: DType, cache: DType? = nil, window: Int? = nil, softCap: Double? = nil,
    hasAlibi: Bool = false
  ) -> Definition {
    PagedAttention.definition(
      queryHeads: 4, keyValueHeads: 2, headDimension: 6, pageSize: 4, cacheType: cache ?? dtype, window: window,
      dtype: dtype, stage: stage, softCap: softCap, hasAlibi: hasAlibi)
  }

  private static func text(_ file: String) throws -> String {
    String(decoding: try #require(FileManager.default.contents(atPath: folder + file)), as: UTF8.self)
  }

  private static func line(_ definition: Definition) throws -> String {
    try JSONValue(parsing: Array(definition.json)).compact
  }

  @Test("the fixtures' definitions are the program's")
  func definitionsAreUpToDate() throws {
    // On failure: the right-hand side is what the file should hold.
    let expected = try Self.definitions.map { try Self.line($0) + "\n" }.joined()
    #expect(try Self.text("definitions.jsonl") == expected)
  }

  @Test("an oracle computes what PyTorch does", arguments: definitions)
  func agrees(_ definition: Definition) throws {
    let cases = try JSONValue(parsing: Array(Self.text("oracles.json").utf8)).array ?? []
    let fixture = try #require(cases.first { $0["definition"]?.string == definition.name })
    var axes = OrderedMap<Int>(), tensors: [String: Tensor] = [:], scalars: [String: Double] = [:]
    for axis in definition.varAxes { axes[axis] = try #require(fixture["axes"]?[axis]?.int) }
    func tensor(_ part: String, _ name: String, _ spec: TensorSpec, _ shape: [Int]) throws -> Tensor {
      let values = try #require(fixture[part]?[name]?.array).map { try #require($0.double) }
      return Tensor(spec.dtype, Shape(shape), rounding: values.map { Float($0) })
    }
    for ((name, spec), shape) in zip(definition.inputs, try definition.inputShapes(axes: axes)) {
      if let shape {
        tensors[name] = try tensor("inputs", name, spec, shape)
      } else {
        scalars[name] = try #require(fixture["inputs"]?[name]?.double)
      }
    }
    let call = ConformanceCall(definition, axes: axes, tensors: tensors, scalars: scalars)
    let oracle = try #require(KernelOracles.oracle(of: definition))
    let kernel = try KernelLibrary(solutions: [oracle], policy: KernelPolicy(preferred: [.swift])).bind(definition)
    let run = try ConformanceRun(kernel, call, on: ConformanceCPU(threads: 1))
    #expect(run.damage == [])
    for ((name, spec), shape) in zip(definition.outputs, try definition.outputShapes(axes: axes)) {
      let right = try tensor("outputs", name, spec, try #require(shape))
      let finding = ConformanceTolerance.compare(try #require(run.outputs[name]), with: right, output: name, of: call)
      #expect(finding.agrees, "\(finding.sentence ?? "")")
    }
  }
}
