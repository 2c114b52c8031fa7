import KernelRuntime
import Kernels
import Tensors

/// One decoder block: attention, then feed-forward, each after a norm and added to the residual.
struct DecoderLayer: Sendable {
  let attentionNorm: Tensor  // [hidden]
  let query: Gemm, key: Gemm, value: Gemm, output: Gemm
  /// Weights of the norm over each head of q and k [head dim], where the family has it.
  let queryNorm: Tensor?, keyNorm: Tensor?
  let feedForwardNorm: Tensor  // [hidden]
  let gate: Gemm, up: Gemm, down: Gemm
  let kernels: LayerKernels
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
