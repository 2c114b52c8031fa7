/// What a request may ask for at most. Everything is checked before any work is started.
public struct RequestLimits: Sendable, Hashable {
  /// Answers per prompt (`n`).
  public var choices = 16
  /// Prompts in one completions request.
  public var prompts = 64
  /// Prompts times answers in one request.
  public var sequences = 128
  /// Messages in one conversation.
  public var messages = 4096
  /// Tools offered to the model.
  public var tools = 128
  /// Stop strings, and the length of each in bytes.
  public var stopStrings = 4, stopStringBytes = 1024
  /// The length of `cache_salt` in bytes.
  public var cacheSaltBytes = 256
  /// Stop token ids.
  public var stopTokenIDs = 64
  /// Entries of `logit_bias`.
  public var logitBiases = 1024
  /// Alternatives per token for chat; the completions endpoint allows 5.
  public var topLogprobs = 20

  public init() {}
}

/// Where and how the HTTP face listens.
public struct ServingConfiguration: Sendable {
  /// The address to bind; the default is reachable from this machine only.
  public var host = "127.0.0.1"
  /// The port to bind; 0 lets the system choose.
  public var port = 8000
  /// Larger request bodies are answered with 413.
  public var maxBodyBytes = 4 << 20
  /// Headers beyond these (bytes of one, bytes of all, number) are refused.
  public var maxHeaderBytes = 16 << 10, maxHeaderListBytes = 64 << 10, maxHeaders = 100
  /// Connections open at once; more wait in the listening queue.
  public var maxConnections = 1024
  /// An idle connection is closed after this many seconds.
  public var idleSeconds = 60
  /// How many seconds running requests get to finish after SIGTERM or SIGINT before they are cancelled.
  public var drainSeconds = 30
  /// When not nil, `/v1` asks for `Authorization: Bearer` and one of these.
  public var apiKeys: [String]?
  public var limits = RequestLimits()

  public init() {}
}
