import Tokenization

/// What makes a request end before its token limit.
public struct StopConditions: Sendable, Hashable {
  /// Text that ends the output; the text itself is not part of the output.
  public var strings: [String] = []
  /// Tokens that end the output; not part of the output text. The model's own end tokens are put here by the caller.
  public var tokenIDs: Set<TokenID> = []
  /// Generate on past the stop tokens (for benchmarks). Stop strings still hold.
  public var ignoresStopTokens = false
  public init() {}
}

/// One prompt to be continued: what `Serving` makes and the `Scheduler` runs.
public struct GenerationRequest: Sendable {
  /// Names the request in logs; unique among live requests.
  public var id: String
  /// The prompt, never empty.
  public var prompt: [TokenID]
  /// The largest number of tokens to generate, at least 1.
  public var maxTokens: Int
  public var sampling = SamplingParameters()
  public var stop = StopConditions()
  /// Prefixes are shared only among requests with the same salt, so that nobody learns from the time an answer takes what
  /// others asked. Empty is a salt like any other: that of all who name none.
  public var cacheSalt = ""
  /// Larger is sooner, where a policy looks at it.
  public var priority = 0

  public init(id: String, prompt: [TokenID], maxTokens: Int) {
    (self.id, self.prompt, self.maxTokens) = (id, prompt, maxTokens)
  }
}

/// Why a request ended. Each request ends for exactly one reason, told exactly once.
public enum FinishReason: String, Sendable, Hashable {
  /// A stop token or stop string was generated.
  case stop
  /// `maxTokens` were generated, or the context is full.
  case length
  /// The caller went away or asked for it.
  case cancelled
  /// A fault in this request or in the engine; the message goes with the event.
  case failed
}

/// Token counts of one request.
public struct Usage: Sendable, Hashable {
  public var promptTokens: Int
  public var completionTokens: Int
  /// Prompt tokens whose keys and values were found in the cache.
  public var cachedTokens: Int
  public init(promptTokens: Int, completionTokens: Int, cachedTokens: Int) {
    (self.promptTokens, self.completionTokens, self.cachedTokens) = (promptTokens, completionTokens, cachedTokens)
  }
}

/// Why a request was refused before any work was done for it.
public enum AdmissionError: Error, Sendable, Hashable {
  /// The prompt has no tokens.
  case emptyPrompt
  /// The prompt and one new token do not fit the context, or could never fit the page pool.
  case promptTooLong(promptTokens: Int, limit: Int)
  /// A token id is not in the vocabulary.
  case unknownToken(TokenID, vocabularySize: Int)
  /// A parameter is out of its range; `parameter` is its wire name.
  case invalidParameter(parameter: String, reason: String)
  /// The waiting queue is full.
  case overloaded(waiting: Int)
  /// The engine is shutting down.
  case shuttingDown
}
