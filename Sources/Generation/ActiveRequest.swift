import Scheduling
import Tokenization

/// A request as the engine's thread sees it: from chosen tokens to events.
///
/// ```
///   token ─► decoder ─► stop string matcher ─► delta
/// ```
///
/// A token stays in `undelivered` until text comes out, so a delta carries all tokens that its text came from.
struct ActiveRequest {
  let channel: RequestChannel
  let sampling: SamplingParameters
  var times: RequestTimes
  private let draws: UniformDraws
  private var processor: LogitsProcessor
  private var matcher: StopStringMatcher
  private var decoder: any TokenTextDecoder
  private var outputCount = 0
  private var text = ""
  private var undelivered: [TokenID] = []
  private var undeliveredLogprobs: [TokenLogprobs] = []

  init(_ submission: Submission, decoder: any TokenTextDecoder, arrival: Double) {
    times = RequestTimes(arrival: arrival)
    (channel, sampling, draws) = (submission.channel, submission.request.sampling, submission.draws)
    (processor, matcher, self.decoder) = (submission.processor, submission.matcher, decoder)
  }

  var isCancelled: Bool { channel.isCancelled.load(ordering: .acquiring) }

  /// How the token that is `ahead` places behind the next one is to be chosen.
  func draw(ahead: Int) -> Draw {
    Draw(
      temperature: sampling.temperature, topK: sampling.topK, topP: sampling.topP, minP: sampling.minP,
      uniform: draws.uniform(at: outputCount + ahead))
  }

  /// Applies bias and penalties to a row of this request's logits: the one behind these guesses.
  func process(_ logits: UnsafeMutableBufferPointer<Float>, behind guesses: ArraySlice<TokenID>) {
    if guesses.isEmpty { return processor.apply(to: logits) }
    var ahead = processor
    for token in guesses { ahead.append(token) }
    ahead.apply(to: logits)
  }

  /// Takes in a generated token that belongs to the output.
  /// - Returns: whether it completed a stop string.
  mutating func accept(_ token: TokenID, _ logprobs: TokenLogprobs?) -> Bool {
    outputCount += 1
    processor.append(token)
    undelivered.append(token)
    if let logprobs { undeliveredLogprobs.append(logprobs) }
    text += matcher.append(decoder.append(token))
    return matcher.isStopped
  }

  /// Sends the text there is, if any.
  mutating func deliver() {
    if !text.isEmpty { sendDelta() }
  }

  /// Completes the text. What was held back for a stop string that did not come is not lost.
  /// - Returns: the reason to tell: a stop string may have been completed by the last text.
  mutating func completeText(_ reason: FinishReason) -> FinishReason {
    if !matcher.isStopped { text += matcher.append(decoder.finish()) }
    if !matcher.isStopped { text += matcher.finish() }
    return matcher.isStopped && reason == .length ? .stop : reason
  }

  /// Sends what is left, then the end.
  mutating func finish(_ reason: FinishReason, _ usage: Usage, message: String?) {
    if !text.isEmpty || !undelivered.isEmpty { sendDelta() }
    channel.events.yield(.finished(reason, usage, message: message))
    channel.events.finish()
  }

  private mutating func sendDelta() {
    channel.events.yield(.delta(text: text, tokens: undelivered, logprobs: undeliveredLogprobs))
    text = ""
    undelivered.removeAll(keepingCapacity: true)
    undeliveredLogprobs.removeAll(keepingCapacity: true)
  }
}
