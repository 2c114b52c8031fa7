/// How drawn tokens are judged: each must be one that may be drawn, and all of them must follow the distribution.
///
/// Source: FlashInfer-Bench's evaluator for sampling, 100 trials and a total variation distance of at most 0.2. It draws
/// half a million tokens a row; with fewer draws the distance is mostly noise when counted token by token. Here tokens are
/// joined, in order of probability, into as many groups as the draws can tell apart, and what chance alone is expected to
/// add is taken off.
public struct SamplingRule: Sendable, Hashable {
  /// Calls of the kernel; each draws one token a row.
  public var trials: Int
  /// The largest total variation distance of a row's drawn tokens from the expected distribution, beyond chance.
  public var distance: Double
  /// How far beyond `top_p` the cumulative probability may go: sums in another order end elsewhere.
  public var slack: Double

  public init(trials: Int = 100, distance: Double = 0.2, slack: Double = 0.05) {
    (self.trials, self.distance, self.slack) = (max(1, trials), distance, slack)
  }
}
