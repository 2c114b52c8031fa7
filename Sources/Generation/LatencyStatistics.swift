/// How long requests, tokens and steps took, in seconds, as the engine's thread saw it.
///
/// ```
///   taken in      first scheduled           first token    token    token = end
///      ├── queue ───────┼──── prefill ───────────┼───── decode ───────┤
///      ├── time to first token ──────────────────┤        ├─ between ─┤
///      ├── end to end ────────────────────────────────────────────────┤
/// ```
///
/// Times begin when the engine's thread takes a request in, which it does between steps. All tokens of a step have the
/// time at which the step ended. A preempted request's waiting counts between tokens, or as prefill.
public struct LatencyStatistics: Sendable, Hashable {
  /// From the request to its first token, and from each token to the next of the same request. A stop token is one.
  public internal(set) var timeToFirstToken = LatencyHistogram(LatencyHistogram.firstTokenSeconds)
  public internal(set) var timeBetweenTokens = LatencyHistogram(LatencyHistogram.tokenSeconds)
  /// From the request to the first step that it was part of.
  public internal(set) var queueTime = LatencyHistogram(LatencyHistogram.requestSeconds)
  /// Of requests that ran to their end: neither cancelled nor failed.
  public internal(set) var endToEnd = LatencyHistogram(LatencyHistogram.requestSeconds)
  public internal(set) var prefillTime = LatencyHistogram(LatencyHistogram.requestSeconds)
  public internal(set) var decodeTime = LatencyHistogram(LatencyHistogram.requestSeconds)
  /// Prefill and decode together.
  public internal(set) var inferenceTime = LatencyHistogram(LatencyHistogram.requestSeconds)
  /// A request's mean time between tokens; of requests with at least two.
  public internal(set) var timePerOutputToken = LatencyHistogram(LatencyHistogram.tokenSeconds)
  /// Tokens of requests that ran to their end, cached ones included.
  public internal(set) var promptTokens: LatencyHistogram
  public internal(set) var generatedTokens: LatencyHistogram
  /// Each step, failed ones included: scheduling and running it, and the tokens put through the model.
  public internal(set) var stepTime = LatencyHistogram(LatencyHistogram.stepSeconds)
  public internal(set) var stepTokens = LatencyHistogram(LatencyHistogram.stepTokens)

  public init(contextLength: Int) {
    promptTokens = LatencyHistogram(LatencyHistogram.requestTokens(upTo: contextLength))
    generatedTokens = promptTokens
  }

  /// The longest that a request had to wait for its next token.
  public var largestGap: Double { timeBetweenTokens.largest }
}

/// What one request's times are reckoned from, in seconds of the engine's clock.
struct RequestTimes {
  let arrival: Double
  private var scheduled: Double?
  private var firstToken: Double?
  private var lastToken: Double?

  init(arrival: Double) { self.arrival = arrival }

  /// The request is part of a step that starts now.
  mutating func schedule(at now: Double, _ latencies: inout LatencyStatistics) {
    guard scheduled == nil else { return }
    scheduled = now
    latencies.queueTime.record(now - arrival)
  }

  /// A step that gave the request a token ended now.
  mutating func receiveToken(at now: Double, _ latencies: inout LatencyStatistics) {
    if let lastToken {
      latencies.timeBetweenTokens.record(now - lastToken)
    } else {
      firstToken = now
      latencies.timeToFirstToken.record(now - arrival)
    }
    lastToken = now
  }

  /// The request ran to its end, which its last token was.
  func complete(promptTokens: Int, generatedTokens: Int, _ latencies: inout LatencyStatistics) {
    guard let scheduled, let firstToken, let lastToken else { return }
    latencies.endToEnd.record(lastToken - arrival)
    latencies.prefillTime.record(firstToken - scheduled)
    latencies.decodeTime.record(lastToken - firstToken)
    latencies.inferenceTime.record(lastToken - scheduled)
    latencies.promptTokens.record(Double(promptTokens))
    latencies.generatedTokens.record(Double(generatedTokens))
    if generatedTokens > 1 {
      latencies.timePerOutputToken.record((lastToken - firstToken) / Double(generatedTokens - 1))
    }
  }
}
