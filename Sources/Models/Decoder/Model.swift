import KernelRuntime
import Tensors

/// Tokens in, logits out. A model never sees a request.
public protocol Model: Sendable {
  var configuration: DecoderConfiguration { get }
  /// Runs one step: stores the new keys and values and returns the logits of `batch.sampledRows`,
  /// [sampled rows, vocabulary] float32, in memory that the next call reuses.
  /// - shedding: which of the last sequences may be left to a later call, wherever they are then.
  /// - Returns: the logits, and where sequences were left out, their rows; then the logits are those of the others.
  func forward(
    _ batch: ForwardBatch, kv: KVStore, workspace: DecoderWorkspace, shedding: Shedding?, on stream: any ExecutionStream
  ) throws(KernelError) -> (logits: Tensor, shed: PausedRows?)
}
