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

  /// Views of some rows: those of a step, or of a part of it. All that layers need is made once for all of them.
  struct Buffers {
    let residual: Tensor, normed: Tensor, hidden: Tensor  // [tokens, hidden]
    let query: Tensor, attention: Tensor  // [tokens, query heads, head dim]
    let key: Tensor, value: Tensor  // [tokens, kv heads, head dim]
    let queryRows: Tensor, attentionRows: Tensor  // the same as [tokens, query heads · head dim]
    let keyRows: Tensor, valueRows: Tensor  // the same as [tokens, kv heads · head dim]
    let lse: Tensor  // [tokens, query heads]
    let gateUp: Tensor  // [tokens, 2 intermediate]
    let gate: Tensor, up: Tensor  // its halves [tokens, intermediate]
    let activated: Tensor  // [tokens, intermediate]
    let sampled: Tensor  // [rows, hidden]
    let logits: Tensor  // [rows, vocabulary]
  }

  /// - rows: of tokens. samples: rows of logits.
  func buffers(rows: Range<Int>, samples: Range<Int>) -> Buffers {
    let c = configuration, width = c.hiddenSize, queries = c.queryHeadCount, keys = c.keyValueHeadCount
    func view(_ storage: Storage, _ rows: Range<Int>, _ row: [Int]) -> Tensor {
      let rowBytes = row.reduce(4, *)
      return Tensor(
        viewing: storage, .float32, Shape([rows.count] + row), byteOffset: rows.lowerBound * rowBytes)
    }
    func heads(_ storage: Storage, _ count: Int) -> (apart: Tensor, together: Tensor) {
      (view(storage, rows, [count, c.headDimension]), view(storage, rows, [count * c.headDimension]))
    }
    let query = heads(queryStorage, queries), attention = heads(attentionStorage, queries)
    let key = heads(keyStorage, keys), value = heads(valueStorage, keys)
    let inner = c.intermediateSize, gateUp = view(gateUpStorage, rows, [2 * inner])
    return Buffers(
      residual: view(residualStorage, rows, [width]), normed: view(normedStorage, rows, [width]),
      hidden: view(hiddenStorage, rows, [width]), query: query.apart, attention: attention.apart, key: key.apart,
      value: value.apart, queryRows: query.together, attentionRows: attention.together, keyRows: key.together,
      valueRows: value.together, lse: view(lseStorage, rows, [queries]), gateUp: gateUp,
      gate: gateUp.narrow(1, from: 0, count: inner), up: gateUp.narrow(1, from: inner, count: inner),
      activated: view(activatedStorage, rows, [c.intermediateSize]), sampled: view(sampledStorage, samples, [width]),
      logits: view(logitsStorage, samples, [c.vocabularySize]))
  }
}
