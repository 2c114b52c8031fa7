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
}

/// The kernels that all layers share.
struct DecoderKernels: Sendable {
  let embedding: Embedding
  let norm: RMSNorm, addNorm: FusedAddRMSNorm
  /// The norm over one head, where the family has it.
  let headNorm: RMSNorm?
  let rope: RotaryEmbedding
  let store: KeyValueStore
  let attention: PagedAttention
  let activation: SiluAndMul
}
