/// How rotary position embedding pairs the elements of a head.
public enum RopeStyle: String, Sendable, Hashable {
  /// Element i with element i + rotaryDimension/2 (Hugging Face's rotate-half).
  case neox
  /// Element 2i with element 2i + 1 (the llama architecture in GGUF files, whose Q and K rows are permuted for it).
  case interleaved
}

/// How rotary frequencies are stretched for contexts beyond the trained one.
public enum RopeScaling: Sendable, Hashable {
  /// All frequencies divided by `factor`.
  case linear(factor: Double)
  /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth ramp between.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int)
  /// Explicit divisors, one per pair of elements [rotaryDimension / 2] (the `rope_freqs.weight` tensor of GGUF files).
  case perFrequency([Float])
}

/// The numbers of a Llama-like decoder: all that tells one family, and one size, from another.
public struct DecoderConfiguration: Sendable, Hashable {
  /// The family's name, for example `llama`, `mistral`, `qwen2`, `qwen3`.
  public var family: String
  public var vocabularySize: Int
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var layerCount: Int
  public var queryHeadCount: Int
  public var keyValueHeadCount: Int
  public var headDimension: Int
  /// Longest sequence the model was made for, in tokens.
  public var contextLength: Int
  public var rmsNormEpsilon: Float
  public var ropeTheta: Double
  public var ropeStyle: RopeStyle
  public var ropeScaling: RopeScaling?
  /// Bias on the q, k and v projections (Qwen2).
  public var hasQueryKeyValueBias: Bool
  /// RMSNorm over each head of q and k before rotation (Qwen3).
  public var hasQueryKeyNorm: Bool
  /// The output head is the embedding table.
  public var tiesEmbeddings: Bool
  /// A query sees at most this many positions, itself included; nil sees all (Mistral 7B v0.1 has 4096).
  public var slidingWindow: Int?

  public init(
    family: String, vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layerCount: Int, queryHeadCount: Int,
    keyValueHeadCount: Int, headDimension: Int, contextLength: Int, rmsNormEpsilon: Float, ropeTheta: Double,
    ropeStyle: RopeStyle, ropeScaling: RopeScaling? = nil, hasQueryKeyValueBias: Bool = false,
    hasQueryKeyNorm: Bool = false, tiesEmbeddings: Bool = false, slidingWindow: Int? = nil
  ) {
    self.family = family
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layerCount = layerCount
    self.queryHeadCount = queryHeadCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headDimension = headDimension
    self.contextLength = contextLength
    self.rmsNormEpsilon = rmsNormEpsilon
    self.ropeTheta = ropeTheta
    self.ropeStyle = ropeStyle
    self.ropeScaling = ropeScaling
    self.hasQueryKeyValueBias = hasQueryKeyValueBias
    self.hasQueryKeyNorm = hasQueryKeyNorm
    self.tiesEmbeddings = tiesEmbeddings
    self.slidingWindow = slidingWindow
  }
}

/// Which weight of the decoder a tensor is. `layer` counts from 0.
public enum WeightRole: Sendable, Hashable {
  case embedding  // [vocabulary, hidden]
  case finalNorm  // [hidden]
  case outputHead  // [vocabulary, hidden]; absent when embeddings are tied
  case attentionNorm(layer: Int)  // [hidden]
  case query(layer: Int)  // [queryHeads * headDimension, hidden]
  case key(layer: Int)  // [keyValueHeads * headDimension, hidden]
  case value(layer: Int)  // [keyValueHeads * headDimension, hidden]
  case queryBias(layer: Int)  // [queryHeads * headDimension]
  case keyBias(layer: Int)  // [keyValueHeads * headDimension]
  case valueBias(layer: Int)  // [keyValueHeads * headDimension]
  case queryNorm(layer: Int)  // [headDimension]
  case keyNorm(layer: Int)  // [headDimension]
  case attentionOutput(layer: Int)  // [hidden, queryHeads * headDimension]
  case feedForwardNorm(layer: Int)  // [hidden]
  case gate(layer: Int)  // [intermediate, hidden]
  case up(layer: Int)  // [intermediate, hidden]
  case down(layer: Int)  // [hidden, intermediate]
}
