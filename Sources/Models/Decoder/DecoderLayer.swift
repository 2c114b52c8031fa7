import KernelRuntime
import Kernels
import Tensors

/// One decoder block: attention, then feed-forward, each after a norm and added to the residual.
///
/// A class, since each step goes through all layers, and a copy of so many references takes as long as a small kernel.
final class DecoderLayer: Sendable {
  let attentionNorm: Tensor  // [hidden]
  let query: Gemm, key: Gemm, value: Gemm, output: Gemm
  /// Weights of the norm over each head of q and k [head dim], where the family has it.
  let queryNorm: Tensor?, keyNorm: Tensor?
  let feedForwardNorm: Tensor  // [hidden]
  let gate: Gemm, up: Gemm, down: Gemm
  let kernels: LayerKernels

  init(
    attentionNorm: Tensor, query: Gemm, key: Gemm, value: Gemm, output: Gemm, queryNorm: Tensor?, keyNorm: Tensor?,
    feedForwardNorm: Tensor, gate: Gemm, up: Gemm, down: Gemm, kernels: LayerKernels
  ) {
    (self.attentionNorm, self.query, self.key, self.value) = (attentionNorm, query, key, value)
    (self.output, self.queryNorm, self.keyNorm) = (output, queryNorm, keyNorm)
    (self.feedForwardNorm, self.gate, self.up, self.down) = (feedForwardNorm, gate, up, down)
    self.kernels = kernels
  }

  /// What its two halves read before they compute: attention with the norm that follows it, and feed-forward.
  var trails: [CallTrail] {
    let norms = [kernels.headNorm].compactMap { $0?.kernel }
    let attention = [query.kernel, key.kernel, value.kernel] + norms
    return [
      CallTrail(
        attention + [
          kernels.rope.kernel, kernels.store.kernel, kernels.attention.kernel, output.kernel, kernels.addNorm.kernel,
        ], tensors: [queryNorm, keyNorm, feedForwardNorm].compactMap { $0 }),
      CallTrail([gate.kernel, up.kernel, kernels.activation.kernel, down.kernel], tensors: [attentionNorm]),
    ]
  }
}

/// The kernels of one layer that have no weights at bind. Each layer has its own, so that a policy can tell layers apart.
struct LayerKernels: Sendable {
  let addNorm: FusedAddRMSNorm
  /// The norm over one head, where the family has it.
  let headNorm: RMSNorm?
  let rope: RotaryEmbedding
  let store: KeyValueStore
  let attention: PagedAttention
  let activation: SiluAndMul
}
