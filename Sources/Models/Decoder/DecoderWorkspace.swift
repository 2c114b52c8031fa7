import Tensors

/// The activations of one step, allocated once for the largest step. Belongs to one thread.
public final class DecoderWorkspace {
  public let maxTokens: Int, maxSampledRows: Int
  private let configuration: DecoderConfiguration
  private let residualStorage: Storage, normedStorage: Storage, hiddenStorage: Storage
  private let queryStorage: Storage, keyStorage: Storage, valueStorage: Storage
  private let attentionStorage: Storage, lseStorage: Storage
  private let gateUpStorage: Storage, activatedStorage: Storage
  private let sampledStorage: Storage, logitsStorage: Storage

  public init(_ configuration: DecoderConfiguration, maxTokens: Int, maxSampledRows: Int) {
    (self.configuration, self.maxTokens, self.maxSampledRows) = (configuration, maxTokens, maxSampledRows)
    func floats(_ rows: Int, _ width: Int) -> Storage { Storage(byteCount: rows * width * 4) }
    let queries = configuration.queryHeadCount * configuration.headDimension
    let keys = configuration.keyValueHeadCount * configuration.headDimension
    residualStorage = floats(maxTokens, configuration.hiddenSize)
    normedStorage = floats(maxTokens, configuration.hiddenSize)
    hiddenStorage = floats(maxTokens, configuration.hiddenSize)
    queryStorage = floats(maxTokens, queries)
    keyStorage = floats(maxTokens, keys)
    valueStorage = floats(maxTokens, keys)
    attentionStorage = floats(maxTokens, queries)
    lseStorage = floats(maxTokens, configuration.queryHeadCount)
    gateUpStorage = floats(maxTokens, 2 * configuration.intermediateSize)
    activatedStorage = floats(maxTokens, configuration.intermediateSize)
    sampledStorage = floats(maxSampledRows, configuration.hiddenSize)
    logitsStorage = floats(maxSampledRows, configuration.vocabularySize)
  }

  /// Views for a step of `tokens` tokens.
  struct Buffers {
    let residual: Tensor, normed: Tensor, hidden: Tensor  // [tokens, hidden]
    let query: Tensor, attention: Tensor  // [tokens, query heads, head dim]
    let key: Tensor, value: Tensor  // [tokens, kv heads, head dim]
    let lse: Tensor  // [tokens, query heads]
    let gateUp: Tensor  // [tokens, 2 intermediate]
    let activated: Tensor  // [tokens, intermediate]
    let sampled: Tensor  // [rows, hidden]
    let logits: Tensor  // [rows, vocabulary]
  }

  func buffers(tokens T: Int, sampledRows S: Int) -> Buffers {
    let c = configuration
    func view(_ storage: Storage, _ shape: Shape) -> Tensor { Tensor(viewing: storage, .float32, shape) }
    return Buffers(
      residual: view(residualStorage, [T, c.hiddenSize]), normed: view(normedStorage, [T, c.hiddenSize]),
      hidden: view(hiddenStorage, [T, c.hiddenSize]),
      query: view(queryStorage, [T, c.queryHeadCount, c.headDimension]),
      attention: view(attentionStorage, [T, c.queryHeadCount, c.headDimension]),
      key: view(keyStorage, [T, c.keyValueHeadCount, c.headDimension]),
      value: view(valueStorage, [T, c.keyValueHeadCount, c.headDimension]),
      lse: view(lseStorage, [T, c.queryHeadCount]), gateUp: view(gateUpStorage, [T, 2 * c.intermediateSize]),
      activated: view(activatedStorage, [T, c.intermediateSize]), sampled: view(sampledStorage, [S, c.hiddenSize]),
      logits: view(logitsStorage, [S, c.vocabularySize]))
  }
}
