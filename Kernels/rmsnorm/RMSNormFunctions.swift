import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

/// The same two functions, compiled for each instruction set.
enum RMSNormFunctions {
  typealias Plain =
    @Sendable (
      UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Range<Int>, Int, Float
    ) -> Void
  typealias Fused =
    @Sendable (
      UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>,
      UnsafeMutablePointer<Float>, Range<Int>, Int, Float
    ) -> Void

  static func rmsNorm(_ set: InstructionSet) -> Plain {
    switch set {
    case .avx512: { KernelsAVX512.rmsNorm($0, $1, $2, rows: $3, hidden: $4, eps: $5) }
    case .avx2: { KernelsAVX2.rmsNorm($0, $1, $2, rows: $3, hidden: $4, eps: $5) }
    case .baseline: { KernelsBaseline.rmsNorm($0, $1, $2, rows: $3, hidden: $4, eps: $5) }
    }
  }

  static func fusedAddRMSNorm(_ set: InstructionSet) -> Fused {
    switch set {
    case .avx512: { KernelsAVX512.fusedAddRMSNorm($0, $1, $2, $3, $4, rows: $5, hidden: $6, eps: $7) }
    case .avx2: { KernelsAVX2.fusedAddRMSNorm($0, $1, $2, $3, $4, rows: $5, hidden: $6, eps: $7) }
    case .baseline: { KernelsBaseline.fusedAddRMSNorm($0, $1, $2, $3, $4, rows: $5, hidden: $6, eps: $7) }
    }
  }
}
