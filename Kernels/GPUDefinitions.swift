import Checkpoints
import Tensors
import Traces

/// What kernels for GPUs are built, checked and measured for.
public enum GPUDefinitions {
  /// Small ones that cover what definitions differ in, for kernels that are executed by emulation: element types, sizes
  /// that no vector width divides, sharing of key heads from 1 to 8, and each tag that changes the meaning.
  public static let conformance: [Definition] =
    movement + normalization + elementwise + attention + combination

  private static let movement: [Definition] =
    [
      Embedding.definition(format: .bf16, vocabularySize: 64, hiddenSize: 128, dtype: .bfloat16),
      Embedding.definition(format: .f32, vocabularySize: 50, hiddenSize: 33, dtype: .float16),
      Embedding.definition(format: .f16, vocabularySize: 50, hiddenSize: 96),
      Embedding.definition(format: .bf16, vocabularySize: 32, hiddenSize: 64, dtype: .bfloat16, isShard: true),
      Embedding.definition(format: .f16, vocabularySize: 25, hiddenSize: 50, dtype: .float16, isShard: true),
    ]
    + [
      (2, 64, 16, .bfloat16, .bfloat16), (1, 96, 1, .float16, .float16), (2, 40, 16, .float32, .float32),
      (3, 64, 16, .float16, .float32), (2, 128, 1, .float16, .bfloat16), (2, 128, 16, .float8_e4m3fn, .bfloat16),
      (1, 64, 1, .float8_e4m3fn, .float16), (3, 5, 16, .float8_e4m3fn, .float32),
    ].map { (heads: Int, dimension: Int, pageSize: Int, cache: DType, dtype: DType) in
      KeyValueStore.definition(
        keyValueHeads: heads, headDimension: dimension, pageSize: pageSize, cacheType: cache, dtype: dtype)
    }

  private static let normalization: [Definition] =
    [
      RMSNorm.definition(hiddenSize: 128, dtype: .bfloat16), RMSNorm.definition(hiddenSize: 1000, dtype: .float16),
      RMSNorm.definition(hiddenSize: 577), RMSNorm.definition(hiddenSize: 2304, dtype: .bfloat16),
      RMSNorm.definition(hiddenSize: 256, dtype: .bfloat16, hasOffset: true),
      FusedAddRMSNorm.definition(hiddenSize: 576, dtype: .bfloat16),
      FusedAddRMSNorm.definition(hiddenSize: 333, dtype: .float16), FusedAddRMSNorm.definition(hiddenSize: 1024),
    ]
    + [(8, 2, 128, .bfloat16), (4, 4, 64, .float16), (6, 2, 96, .float32), (2, 1, 256, .bfloat16)].map {
      (heads: Int, keyHeads: Int, dimension: Int, dtype: DType) in
      QueryKeyNorm.definition(queryHeads: heads, keyValueHeads: keyHeads, headDimension: dimension, dtype: dtype)
    }

  private static let elementwise: [Definition] =
    [
      (8, 2, 128, 128, .neox, .bfloat16), (4, 4, 64, 64, .interleaved, .float16), (3, 1, 80, 32, .neox, .bfloat16),
      (4, 2, 128, 64, .interleaved, .float32), (2, 1, 256, 256, .neox, .float16), (6, 2, 96, 96, .neox, .float32),
    ].map { (heads: Int, keyHeads: Int, dimension: Int, rotary: Int, style: RotaryStyle, dtype: DType) in
      RotaryEmbedding.definition(
        queryHeads: heads, keyValueHeads: keyHeads, headDimension: dimension, rotaryDimension: rotary, style: style,
        dtype: dtype)
    }
    + [(256, .bfloat16), (333, .float16), (1000, .float32), (1536, .bfloat16)].map { (width: Int, dtype: DType) in
      SiluAndMul.definition(intermediateSize: width, dtype: dtype)
    }

  /// One row of the table of attention's definitions.
  private struct Attention {
    var heads: Int, keyHeads: Int, dimension: Int, pageSize: Int, dtype: DType
    var cache: DType?
    var window: Int?
    var softCap: Double?
    var hasAlibi = false

    func definition(_ stage: PagedAttention.Stage) -> Definition {
      PagedAttention.definition(
        queryHeads: heads, keyValueHeads: keyHeads, headDimension: dimension, pageSize: pageSize,
        cacheType: cache ?? dtype, window: window, dtype: dtype, stage: stage, softCap: softCap, hasAlibi: hasAlibi)
    }
  }

  private static let attention: [Definition] =
    [
      Attention(heads: 4, keyHeads: 4, dimension: 64, pageSize: 16, dtype: .bfloat16),
      Attention(heads: 3, keyHeads: 1, dimension: 64, pageSize: 1, dtype: .float16),
      Attention(heads: 8, keyHeads: 2, dimension: 128, pageSize: 16, dtype: .bfloat16),
      Attention(heads: 4, keyHeads: 1, dimension: 96, pageSize: 16, dtype: .float16),
      Attention(heads: 2, keyHeads: 1, dimension: 256, pageSize: 16, dtype: .bfloat16),
      Attention(heads: 4, keyHeads: 1, dimension: 64, pageSize: 16, dtype: .bfloat16, window: 24),
      Attention(heads: 4, keyHeads: 2, dimension: 128, pageSize: 16, dtype: .float16, window: 40, softCap: 30),
      Attention(heads: 4, keyHeads: 4, dimension: 64, pageSize: 1, dtype: .bfloat16, hasAlibi: true),
      Attention(heads: 8, keyHeads: 2, dimension: 128, pageSize: 16, dtype: .bfloat16, cache: .float8_e4m3fn),
    ].flatMap { [$0.definition(.prefill), $0.definition(.decode)] }
    + [
      Attention(heads: 8, keyHeads: 1, dimension: 128, pageSize: 1, dtype: .bfloat16).definition(.decode),
      Attention(heads: 3, keyHeads: 1, dimension: 64, pageSize: 1, dtype: .float16, cache: .float8_e4m3fn)
        .definition(.decode),
    ]
    + [(4, 4, 64, .bfloat16), (6, 2, 128, .float16), (8, 1, 96, .bfloat16), (2, 1, 256, .float16)].map {
      (heads: Int, keyHeads: Int, dimension: Int, dtype: DType) in
      RaggedAttention.definition(queryHeads: heads, keyValueHeads: keyHeads, headDimension: dimension, dtype: dtype)
    }

  private static let combination: [Definition] =
    [(8, 128, .bfloat16), (3, 64, .float16), (2, 256, .float32), (4, 96, .bfloat16)].map {
      (heads: Int, dimension: Int, dtype: DType) in
      MergeStates.definition(heads: heads, headDimension: dimension, dtype: dtype)
    }
    + [33, 1000, 5003].map { Sampler.definition(vocabularySize: $0) }
    + [(64, 128, .bf16), (200, 80, .f16), (128, 256, .bf16), (72, 512, .f16)].map {
      (features: Int, inputs: Int, format: WeightFormat) in
      Gemm.definition(
        format: format, features: features, inputs: inputs, hasBias: false, dtype: format.denseType ?? .bfloat16)
    }
}
