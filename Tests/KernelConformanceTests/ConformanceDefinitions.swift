import Checkpoints
import KernelRuntime
import Kernels
import Tensors
import Traces

/// The definitions that solutions are checked with. Solutions are discovered: adding a kernel adds no test code.
enum ConformanceDefinitions {
  static let all: [Definition] =
    rmsNorm + embedding + gemm + rope + keyValueStore + attention + siluAndMul + sampling

  private static let rmsNorm = [1, 7, 16, 33, 128, 576, 1000].flatMap {
    [RMSNorm.definition(hiddenSize: $0), FusedAddRMSNorm.definition(hiddenSize: $0)]
  }

  private static let embedding =
    WeightFormat.allCases.map { Embedding.definition(format: $0, vocabularySize: 40, hiddenSize: 512) }
    + [WeightFormat.f32, .f16, .bf16].flatMap { format in
      [5, 16, 33].map { Embedding.definition(format: format, vocabularySize: 9, hiddenSize: $0) }
    } + [Embedding.definition(format: .q8_0, vocabularySize: 3, hiddenSize: 32)]

  /// Features that end inside a panel, inputs of one and several blocks, and enough features for several chunks.
  private static let gemm =
    WeightFormat.allCases.flatMap { format -> [Definition] in
      let block = max(format.blockElements, 32)
      return [(1, block), (19, 2 * block), (200, 512), (64, 768)].map { features, inputs in
        Gemm.definition(format: format, features: features, inputs: inputs, hasBias: features == 19)
      }
    } + [WeightFormat.f32, .f16, .bf16].map { Gemm.definition(format: $0, features: 33, inputs: 37, hasBias: true) }

  private static let rope = [RotaryStyle.neox, .interleaved].flatMap { style in
    [(16, 16), (40, 40), (64, 64), (128, 128), (80, 32), (6, 2)].map { dimension, rotary in
      RotaryEmbedding.definition(
        queryHeads: 6, keyValueHeads: 2, headDimension: dimension, rotaryDimension: rotary, style: style)
    }
  }

  private static let cacheTypes: [DType] = [.float32, .float16, .bfloat16, .int8]

  private static let keyValueStore = cacheTypes.flatMap { type in
    [(1, 16, 1), (3, 64, 16), (2, 5, 16), (1, 128, 1)].map { heads, dimension, pageSize in
      KeyValueStore.definition(keyValueHeads: heads, headDimension: dimension, pageSize: pageSize, cacheType: type)
    }
  }

  private static let attention =
    cacheTypes.flatMap { type in
      [(4, 2, 16, 16), (3, 1, 40, 1), (6, 2, 64, 16), (2, 2, 128, 1)].map { query, keyValue, dimension, pageSize in
        PagedAttention.definition(
          queryHeads: query, keyValueHeads: keyValue, headDimension: dimension, pageSize: pageSize, cacheType: type)
      }
    }
    + [1, 5, 16, 40].flatMap { window in
      [1, 16].map { pageSize in
        PagedAttention.definition(
          queryHeads: 4, keyValueHeads: 2, headDimension: 16, pageSize: pageSize,
          cacheType: window == 5 ? .int8 : .float32, window: window)
      }
    }

  private static let siluAndMul = [1, 16, 33, 1536].map { SiluAndMul.definition(intermediateSize: $0) }

  private static let sampling = [1, 15, 1000, 5003].map { Sampler.definition(vocabularySize: $0) }
}

/// One definition and one solution that can compute it here.
struct ConformanceCase: Sendable, CustomStringConvertible {
  let definition: Definition
  let solution: KernelSolution
  var description: String { "\(definition.name) / \(solution.name)" }

  /// Every available pair, the oracles included.
  static let all: [ConformanceCase] = ConformanceDefinitions.all.flatMap { definition in
    let context = BindContext(device: .cpu, constants: Problem.constants(of: definition))
    return KernelCatalog.solutions
      .filter { $0.operation == definition.opType && $0.availability(definition, context) == .available }
      .map { ConformanceCase(definition: definition, solution: $0) }
  }

  /// The plain Swift solution of the same operation.
  static func oracle(of definition: Definition) throws -> KernelSolution {
    guard
      let oracle = KernelCatalog.solutions.first(where: { $0.operation == definition.opType && $0.flavor == .swift })
    else { throw MissingOracle(operation: definition.opType) }
    return oracle
  }
}

struct MissingOracle: Error { let operation: String }
