import KernelRuntime

/// Every operation of the engine and every solution of it that is part of this program.
public enum KernelCatalog {
  /// One line per room.
  public static let solutions: [KernelSolution] =
    Embedding.solutions
    + RMSNorm.solutions
    + FusedAddRMSNorm.solutions
    + QueryKeyNorm.solutions
    + Gemm.solutions
    + RotaryEmbedding.solutions
    + KeyValueStore.solutions
    + PagedAttention.solutions
    + RaggedAttention.solutions
    + MergeStates.solutions
    + SiluAndMul.solutions
    + Sampler.solutions
    + publicSolutions

  /// Plain Swift for the definitions of the public FlashInfer-Trace data set.
  private static let publicSolutions: [KernelSolution] =
    PublicRMSNorm.solutions
    + PublicGemm.solutions
    + PublicRotaryEmbedding.solutions
    + PublicAttention.solutions
    + PublicMLA.solutions
    + PublicMoE.solutions
    + PublicSampling.solutions
}
