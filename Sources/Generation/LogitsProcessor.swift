import Scheduling
import Tokenization

/// Applies one request's bias and penalties to its logits, in place.
///
/// ```
///   logit += bias
///   logit = logit > 0 ? logit / repetition : logit · repetition         token in prompt or output
///   logit −= presence + frequency · (times in the output)               token in the output
/// ```
///
/// Only tokens that are biased or were seen are visited: O(distinct tokens) a step, and nothing at all when neutral.
/// Sources: Keskar et al., CTRL (arXiv 1909.05858) for repetition; OpenAI's API reference for the others.
struct LogitsProcessor: Sendable {
  /// A token of the prompt or output.
  private struct Seen {
    let token: Int
    var timesInOutput: Float
  }

  private let sampling: SamplingParameters
  private let tracksTokens: Bool
  private var seen: [Seen] = []
  /// Where a token is in `seen`.
  private var places: [TokenID: Int] = [:]

  init(_ sampling: SamplingParameters, prompt: [TokenID]) {
    self.sampling = sampling
    tracksTokens =
      sampling.repetitionPenalty != 1 || sampling.presencePenalty != 0 || sampling.frequencyPenalty != 0
    if sampling.repetitionPenalty != 1 {
      for token in prompt { note(token, timesInOutput: 0) }
    }
  }

  /// Takes note of a generated token.
  mutating func append(_ token: TokenID) {
    if tracksTokens { note(token, timesInOutput: 1) }
  }

  private mutating func note(_ token: TokenID, timesInOutput times: Float) {
    if let place = places[token] {
      seen[place].timesInOutput += times
    } else {
      places[token] = seen.count
      seen.append(Seen(token: Int(token), timesInOutput: times))
    }
  }

  /// Changes one row of logits, [vocabulary]. Every token noted or biased is in the vocabulary.
  func apply(to logits: UnsafeMutableBufferPointer<Float>) {
    for (token, bias) in sampling.logitBias { logits[Int(token)] += bias }
    guard tracksTokens else { return }
    let repetition = sampling.repetitionPenalty
    for entry in seen {
      var logit = logits[entry.token]
      logit = logit > 0 ? logit / repetition : logit * repetition
      if entry.timesInOutput > 0 {
        logit -= sampling.presencePenalty + sampling.frequencyPenalty * entry.timesInOutput
      }
      logits[entry.token] = logit
    }
  }
}
