import Tokenization

/// How the next token of one request is chosen from its logits. Neutral values switch a step off.
///
/// Order: logit bias, repetition / presence / frequency penalties, temperature, top-k, top-p, min-p, draw.
public struct SamplingParameters: Sendable, Hashable {
  /// 0 is greedy; otherwise logits are divided by it. In [0, 2] for the HTTP faces.
  public var temperature: Float = 1
  /// Keep the k most likely tokens; 0 keeps all.
  public var topK: Int = 0
  /// Keep the smallest set of most likely tokens whose probabilities sum to at least this; in (0, 1].
  public var topP: Float = 1
  /// Drop tokens less likely than this share of the most likely one; in [0, 1].
  public var minP: Float = 0
  /// Two requests with the same seed and prompt draw the same tokens; nil takes a fresh seed.
  public var seed: UInt64?
  /// Logits of tokens seen in prompt or output are divided (positive) or multiplied (negative) by this; > 0, 1 is off.
  public var repetitionPenalty: Float = 1
  /// Subtracted once from the logit of each token seen in the output; in [-2, 2].
  public var presencePenalty: Float = 0
  /// Subtracted from the logit of a token once for each time it occurs in the output; in [-2, 2].
  public var frequencyPenalty: Float = 0
  /// Added to the logits of single tokens; values in [-100, 100].
  public var logitBias: [TokenID: Float] = [:]
  /// How many of the most likely tokens to report beside the chosen one; nil reports no log-probabilities at all.
  public var topLogprobs: Int?

  public init() {}
}
