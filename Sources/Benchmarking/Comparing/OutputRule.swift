/// When one output agrees with the reference's: a rule for each element, and rules for all of them together.
///
/// s is the solution's element, r the reference's, both as float32.
public struct OutputRule: Sendable, Hashable {
  /// When an element agrees.
  public enum Closeness: Sendable, Hashable {
    /// |s − r| ≤ absolute, or |s − r| / (|r| + 1e-8) ≤ relative. FlashInfer-Bench's rule.
    case either(relative: Float, absolute: Float)
    /// |s − r| ≤ absolute + relative · |r|. The rule of torch's allclose, FlashInfer and SOL-ExecBench.
    case sum(relative: Float, absolute: Float)
    /// At most so many representable values of the output's type apart.
    case ulps(Int)
    /// The same bits; one NaN is as good as another.
    case exact
    /// Each row has the same set of indices, in any order; -1 is padding. For integers.
    case sameSet
  }

  /// What NaN and infinities mean. `closeness` decides about finite pairs.
  public enum NonFinite: String, Sendable, Hashable, CaseIterable {
    /// NaN matches NaN, an infinity the same infinity, nothing else.
    case matching
    /// An infinity matches the same infinity; NaN nothing. As torch's allclose.
    case equalInfinities = "equal-infinities"
    /// None may occur, in the solution or the reference. SOL-ExecBench's rule.
    case refused
    /// As `refused`, but -∞ in both matches: SOL-ExecBench with `allow_negative_inf`.
    case negativeInfinities = "negative-infinities"
    /// None may occur in the solution; what the reference has as NaN or infinity matches anything. FlashInfer-Bench's
    /// formulas as they come out, kept to reproduce its verdicts.
    case solutionOnly = "flashinfer-bench"
  }

  public var closeness: Closeness
  public var nonFinite: NonFinite
  /// The share of elements that must agree, in (0, 1].
  public var requiredRatio: Double
  /// The largest |s − r| that even a tolerated element may have.
  public var errorCap: Double?
  /// The least cosine of the angle between the outputs as vectors.
  public var leastCosine: Double?
  /// Relative errors are reported as |s − r| / (|r| + 1e-8), or, when this is set, as |s − r| / max(|r|, this).
  public var leastDivisor: Float?
  /// Whether zeros alone fail where the reference has something else.
  public var refusesAllZeros: Bool
  /// Whether absolute tolerances count in units of the reference's root mean square, where that is above 1: for outputs
  /// that are large because their inputs are, and whose terms cancel.
  public var growsWithReference = false

  public init(
    _ closeness: Closeness, nonFinite: NonFinite = .matching, requiredRatio: Double = 1, errorCap: Double? = nil,
    leastCosine: Double? = nil, leastDivisor: Float? = nil, refusesAllZeros: Bool = false
  ) {
    (self.closeness, self.nonFinite, self.requiredRatio) = (closeness, nonFinite, requiredRatio)
    (self.errorCap, self.leastCosine, self.leastDivisor) = (errorCap, leastCosine, leastDivisor)
    self.refusesAllZeros = refusesAllZeros
  }
}
