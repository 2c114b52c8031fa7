import Tensors

/// Whose rules decide whether two outputs agree.
public enum ComparisonPreset: String, Sendable, Hashable, CaseIterable {
  /// Either 1e-2 absolute or 1e-2 relative. Other than there, integers are compared exactly, equal infinities agree and
  /// NaN agrees only with NaN; `OutputRule.NonFinite.solutionOnly` gives its own verdicts.
  case flashInferBench = "flashinfer-bench"
  /// |s − r| ≤ t + t · |r| with t by the output's type, and a cosine of at least 0.999.
  case flashInfer = "flashinfer"
  /// |s − r| ≤ 0.01 + 0.01 · |r| for 99 % of the elements, everything finite, not all zero.
  case solExecBench = "sol-execbench"
  /// The same bits.
  case exact

  /// The rule for an output of the given type.
  func rule(_ dtype: DType) -> OutputRule {
    guard dtype.isFloatingPoint else { return OutputRule(.exact) }
    switch self {
    case .flashInferBench: return OutputRule(.either(relative: 0.01, absolute: 0.01))
    case .flashInfer:
      let tolerance = Self.flashInferTolerance(dtype)
      return OutputRule(
        .sum(relative: tolerance, absolute: tolerance), nonFinite: .equalInfinities, leastCosine: 0.999)
    case .solExecBench:
      return OutputRule(
        .sum(relative: 0.01, absolute: 0.01), nonFinite: .refused, requiredRatio: 0.99, leastDivisor: 0.01,
        refusesAllZeros: true)
    case .exact: return OutputRule(.exact)
    }
  }

  private static func flashInferTolerance(_ dtype: DType) -> Float {
    switch dtype {
    case .float32: 1e-5
    case .float16: 1e-3
    case .bfloat16: 1e-2
    case .float8_e4m3fn, .float8_e5m2: 0.1
    case .float4_e2m1: 1
    default: 0
    }
  }
}
