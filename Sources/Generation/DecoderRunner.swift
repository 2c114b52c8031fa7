import KernelRuntime
import Models
import Scheduling
import Tensors
import Tokenization

/// The real model behind the engine: turns a `Batch` into device tensors and runs the decoder on it.
public struct DecoderRunner: ModelRunning {
  private let model: any Model
  private let kv: KVStore
  private let workspace: DecoderWorkspace
  private let sampler: TokenSampler
  private let stream: any ExecutionStream
  private let switchboard: KernelSwitchboard?
  private var logits: Tensor

  /// - workspace: for at least the scheduler's largest step. switchboard: changes of kernels that wait for a step's end.
  public init(
    model: any Model, kv: KVStore, workspace: DecoderWorkspace, sampler: TokenSampler, stream: any ExecutionStream,
    switchboard: KernelSwitchboard? = nil
  ) {
    (self.model, self.kv, self.workspace) = (model, kv, workspace)
    (self.sampler, self.stream, self.switchboard) = (sampler, stream, switchboard)
    logits = Tensor(.float32, [0, model.configuration.vocabularySize])
  }

  public var vocabularySize: Int { model.configuration.vocabularySize }

  public mutating func betweenSteps() -> Bool { switchboard?.betweenSteps() ?? false }

  public mutating func forward(_ batch: Batch) throws {
    stream.phase = batch.sequences.allSatisfy { $0.tokens.count == 1 } ? .decode : .prefill
    logits = try model.forward(Self.forwardBatch(batch), kv: kv, workspace: workspace, on: stream)
  }

  public func logits(_ row: Int) -> UnsafeMutableBufferPointer<Float> {
    let width = vocabularySize
    return UnsafeMutableBufferPointer(start: logits.elements(as: Float.self) + row * width, count: width)
  }

  public mutating func sample(_ draws: [Draw]) throws -> [TokenID] {
    let rows = draws.map {
      TokenSampler.Row(
        temperature: $0.temperature, topK: Int32(clamping: $0.topK), topP: $0.topP, minP: $0.minP, uniform: $0.uniform)
    }
    return try sampler.sample(rows, logits: logits, on: stream)
  }

  /// Flattens the sequences into FlashInfer's CSR form.
  static func forwardBatch(_ batch: Batch) -> ForwardBatch {
    let pageSize = batch.pageSize
    var tokens: [Int32] = [], positions: [Int32] = [], slots: [Int32] = []
    var qoIndptr: [Int32] = [0], kvIndptr: [Int32] = [0], kvIndices: [Int32] = [], lastPageLen: [Int32] = []
    var sampledRows: [Int] = []
    for sequence in batch.sequences {
      for (i, token) in sequence.tokens.enumerated() {
        let position = sequence.startPosition + i
        tokens.append(token)
        positions.append(Int32(position))
        slots.append(Int32(Int(sequence.pages[position / pageSize]) * pageSize + position % pageSize))
      }
      kvIndices += sequence.pages.map { Int32($0) }
      kvIndptr.append(Int32(kvIndices.count))
      lastPageLen.append(Int32((sequence.endPosition - 1) % pageSize + 1))
      qoIndptr.append(Int32(tokens.count))
      sampledRows += tokens.count - sequence.rowCount..<tokens.count
    }
    return ForwardBatch(
      tokens: tokens, positions: positions, slots: slots, qoIndptr: qoIndptr, kvIndptr: kvIndptr,
      kvIndices: kvIndices, kvLastPageLen: lastPageLen, sampledRows: sampledRows)
  }
}
