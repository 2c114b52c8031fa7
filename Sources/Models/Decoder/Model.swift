import KernelRuntime
import Tensors

/// Tokens in, logits out. A model never sees a request.
public protocol Model: Sendable {
  var configuration: DecoderConfiguration { get }
  /// Runs one step: stores the new keys and values and returns the logits of `batch.sampledRows`,
  /// [sampled rows, vocabulary] float32, in memory that the next call reuses.
  func forward(
    _ batch: ForwardBatch, kv: KVStore, workspace: DecoderWorkspace, on stream: any ExecutionStream
  ) throws(KernelError) -> Tensor
}
