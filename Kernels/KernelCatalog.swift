import KernelRuntime
import Traces

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

  /// Whether one of the references of public definitions computes a definition.
  static func hasReference(_ definition: Definition) -> Bool {
    publicSolutions.contains {
      $0.computes(definition) && $0.availability(definition, BindContext(device: .cpu)) == .available
    }
  }

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
