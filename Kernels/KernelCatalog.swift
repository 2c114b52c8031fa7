import KernelRuntime

/// Every operation of the engine and every solution of it that is part of this program.
public enum KernelCatalog {
  /// One line per room.
  public static let solutions: [KernelSolution] =
    Embedding.solutions
    + RMSNorm.solutions
    + FusedAddRMSNorm.solutions
    + Gemm.solutions
    + RotaryEmbedding.solutions
    + KeyValueStore.solutions
    + PagedAttention.solutions
    + SiluAndMul.solutions
    + Sampler.solutions
}
