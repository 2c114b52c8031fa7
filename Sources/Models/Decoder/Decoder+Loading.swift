import Checkpoints
import KernelRuntime
import Kernels
import Tensors

extension Decoder {
  /// Binds the kernels and hands them the weights, which they may repack. A missing kernel is an error here, not later.
  /// - files: the checked model files; kept mapped only as far as kernels point into them.
  /// - pageSize, cacheType: of the KV store that the decoder will be run with.
  /// - Throws: `ModelLoadingError` for a weight, `KernelError` for a kernel.
  public static func load(
    _ files: ModelFiles, library: KernelLibrary, pageSize: Int, cacheType: DType, contextLength: Int? = nil
  ) throws -> Decoder {
    let c = files.configuration
    let loader = WeightLoader(files: files)
    let embeddingTable = try files.weight(.embedding)
    let embedding = try Embedding(
      library, table: loader.raw(embeddingTable), format: embeddingTable.format, vocabularySize: c.vocabularySize,
      hiddenSize: c.hiddenSize)
    let firstNorm = try RMSNorm(library, hiddenSize: c.hiddenSize, eps: c.rmsNormEpsilon)
    let layers = try (0..<c.layerCount).map { i in
      let library = library.inLayer(i)
      return try loader.layer(
        i, library, try layerKernels(c, library: library, pageSize: pageSize, cacheType: cacheType))
    }
    let decoder = Decoder(
      c, embedding: embedding, firstNorm: firstNorm, layers: layers, finalNorm: try loader.floats(.finalNorm),
      head: try loader.gemm(c.tiesEmbeddings ? .embedding : .outputHead, library),
      rotaryTable: RotaryTable.make(
        maxPositions: contextLength ?? c.contextLength, rotaryDimension: c.headDimension, theta: c.ropeTheta,
        scaling: c.ropeScaling.rotary))
    embeddingTable.releasePages()
    return decoder
  }

  private static func layerKernels(
    _ c: DecoderConfiguration, library: KernelLibrary, pageSize: Int, cacheType: DType
  ) throws(KernelError) -> LayerKernels {
    LayerKernels(
      addNorm: try FusedAddRMSNorm(library, hiddenSize: c.hiddenSize, eps: c.rmsNormEpsilon),
      headNorm: c.hasQueryKeyNorm ? try RMSNorm(library, hiddenSize: c.headDimension, eps: c.rmsNormEpsilon) : nil,
      rope: try RotaryEmbedding(
        library, queryHeads: c.queryHeadCount, keyValueHeads: c.keyValueHeadCount, headDimension: c.headDimension,
        rotaryDimension: c.headDimension, style: c.ropeStyle == .neox ? .neox : .interleaved),
      store: try KeyValueStore(
        library, keyValueHeads: c.keyValueHeadCount, headDimension: c.headDimension, pageSize: pageSize,
        cacheType: cacheType),
      attention: try PagedAttention(
        library, queryHeads: c.queryHeadCount, keyValueHeads: c.keyValueHeadCount, headDimension: c.headDimension,
        pageSize: pageSize, cacheType: cacheType, window: c.slidingWindow),
      activation: try SiluAndMul(library, intermediateSize: c.intermediateSize))
  }
}

extension RopeScaling? {
  fileprivate var rotary: RotaryScaling {
    switch self {
    case nil: .none
    case .linear(let factor): .linear(factor: factor)
    case .llama3(let factor, let low, let high, let original):
      .llama3(
        factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength: original)
    case .perFrequency(let divisors): .perFrequency(divisors)
    }
  }
}
