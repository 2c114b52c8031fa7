import Scheduling
import Tokenization

/// The chosen token's log-probability and those of the most likely alternatives, most likely first.
public struct TokenLogprobs: Sendable, Hashable {
  public var token: TokenID
  public var logprob: Float
  public var top: [(token: TokenID, logprob: Float)]
  public init(token: TokenID, logprob: Float, top: [(token: TokenID, logprob: Float)]) {
    (self.token, self.logprob, self.top) = (token, logprob, top)
  }
  public static func == (a: Self, b: Self) -> Bool {
    a.token == b.token && a.logprob == b.logprob && a.top.count == b.top.count
      && zip(a.top, b.top).allSatisfy { $0 == $1 }
  }
  public func hash(into hasher: inout Hasher) { hasher.combine(token) }
}

/// What a running request tells its caller.
///
/// A stream is any number of `.delta`s, then exactly one `.finished`, then the stream ends. No error is thrown after
/// a request was admitted: faults arrive as `.finished(.failed, …)`.
public enum GenerationEvent: Sendable, Hashable {
  /// New text (whole characters, never part of a stop string; may be empty) and the tokens generated since the last
  /// delta, with their log-probabilities when asked for.
  case delta(text: String, tokens: [TokenID], logprobs: [TokenLogprobs])
  /// The end. `message` explains a failure.
  case finished(FinishReason, Usage, message: String?)
}

/// What the faces (HTTP, terminal) need of an engine. `Engine` is the real one.
public protocol TextGenerator: Sendable {
  /// The longest prompt plus output, in tokens.
  var contextLength: Int { get }
  /// Starts a request. Ending the iteration early (or cancelling the task that iterates) cancels the request.
  /// - Throws: `AdmissionError` when the request is refused; nothing was started then.
  func generate(_ request: GenerationRequest) throws(AdmissionError) -> AsyncStream<GenerationEvent>
  /// Whether the engine's loop is alive and takes requests.
  var isHealthy: Bool { get }
}
