import Checkpoints
import Tensors
import Traces

extension GPUDefinitions {
  /// Those of real models: large enough to be measured on a GPU.
  public static let benchmark: [Definition] = {
    var seen = Set<String>()
    return models.flatMap(\.definitions).filter { seen.insert($0.name).inserted }
  }()

  /// The sizes of a decoder that definitions come from.
  private struct Model {
    var hidden: Int, intermediate: Int, heads: Int, keyHeads: Int, headDimension: Int, vocabulary: Int
    var hasQueryKeyNorm = false
    /// Whether its matrix products are measured: those of one model suffice, and they take the longest to compile.
    var hasProducts = false
    var cacheTypes: [DType] = [.bfloat16]

    private var dtype: DType { .bfloat16 }

    var definitions: [Definition] { rows + attention + (hasProducts ? products : []) }

    private var rows: [Definition] {
      [
        Embedding.definition(format: .bf16, vocabularySize: vocabulary, hiddenSize: hidden, dtype: dtype),
        RMSNorm.definition(hiddenSize: hidden, dtype: dtype),
        FusedAddRMSNorm.definition(hiddenSize: hidden, dtype: dtype),
        RotaryEmbedding.definition(
          queryHeads: heads, keyValueHeads: keyHeads, headDimension: headDimension, rotaryDimension: headDimension,
          style: .neox, dtype: dtype),
        SiluAndMul.definition(intermediateSize: intermediate, dtype: dtype),
        Sampler.definition(vocabularySize: vocabulary),
      ]
        + (hasQueryKeyNorm
          ? [
            QueryKeyNorm.definition(
              queryHeads: heads, keyValueHeads: keyHeads, headDimension: headDimension, dtype: dtype)
          ] : [])
    }

    private var attention: [Definition] {
      cacheTypes.flatMap { cacheType in
        [
          KeyValueStore.definition(
            keyValueHeads: keyHeads, headDimension: headDimension, pageSize: 16, cacheType: cacheType, dtype: dtype)
        ]
          + [PagedAttention.Stage.prefill, .decode].map {
            PagedAttention.definition(
              queryHeads: heads, keyValueHeads: keyHeads, headDimension: headDimension, pageSize: 16,
              cacheType: cacheType, dtype: dtype, stage: $0)
          }
      } + [
        RaggedAttention.definition(
          queryHeads: heads, keyValueHeads: keyHeads, headDimension: headDimension, dtype: dtype),
        MergeStates.definition(heads: heads, headDimension: headDimension, dtype: dtype),
      ]
    }

    private var products: [Definition] {
      [
        ((heads + 2 * keyHeads) * headDimension, hidden), (hidden, heads * headDimension), (2 * intermediate, hidden),
        (hidden, intermediate),
      ].map { Gemm.definition(format: .bf16, features: $0, inputs: $1, hasBias: false, dtype: dtype) }
    }
  }

  private static let models = [
    // Llama 3 8B
    Model(
      hidden: 4096, intermediate: 14_336, heads: 32, keyHeads: 8, headDimension: 128, vocabulary: 128_256,
      hasProducts: true, cacheTypes: [.bfloat16, .float8_e4m3fn]),
    // Qwen 3 8B
    Model(
      hidden: 4096, intermediate: 12_288, heads: 32, keyHeads: 8, headDimension: 128, vocabulary: 151_936,
      hasQueryKeyNorm: true),
    // SmolLM2 135M
    Model(hidden: 576, intermediate: 1536, heads: 9, keyHeads: 3, headDimension: 64, vocabulary: 49_152),
  ]
}
