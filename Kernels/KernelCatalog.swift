import KernelRuntime

/// Every operation of the engine and every solution of it that is part of this program.
public enum KernelCatalog {
  /// One line per room.
  public static let solutions: [KernelSolution] =
    RMSNorm.solutions
    + FusedAddRMSNorm.solutions
    + Gemm.solutions
    + PagedAttention.solutions
}
