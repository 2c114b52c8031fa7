/// One request of a day of traffic.
public struct TrafficRequest: Sendable, Hashable {
  /// Seconds after the first request.
  public internal(set) var arrival: Double
  /// Tokens of the prompt, and tokens to be generated.
  public internal(set) var inputLength: Int, outputLength: Int
  public internal(set) var priority: Int
  public internal(set) var cacheSalt: String
  /// Its line in the file, counted from 1.
  public internal(set) var line: Int
  /// Where its ids are among all block ids.
  var blocks: Range<Int>
  /// The later request whose prompt goes on with this one's answer, as an index into the day's requests; itself when
  /// there is none.
  var successor: Int
}

/// A day of traffic: who asks when, for how much, and what their prompts have in common.
///
/// ```
/// let day = try Traffic(path: "conversation_trace.jsonl")
/// let report = Simulator(day, costs: .measured).run(configuration)
/// ```
///
/// Invariant: arrivals never go back, and a successor has a larger index than what it succeeds.
public struct Traffic: Sendable {
  /// In the order of arrival; of those that arrive together, in the order of the file.
  public internal(set) var requests: [TrafficRequest] = []
  /// The ids of all requests, one after the other.
  var blockIDs: [Int] = []
  /// Tokens that an id stands for.
  public internal(set) var blockTokens = 1
  /// What timestamps were in.
  public internal(set) var timeUnit = TimeUnit.milliseconds
  /// What a reader should know about how the file was understood, as sentences.
  public internal(set) var notes: [String] = []

  /// What a timestamp counts.
  public enum TimeUnit: String, Sendable, Hashable, CaseIterable {
    case milliseconds = "ms"
    case seconds = "s"

    var inSeconds: Double { self == .seconds ? 1 : 0.001 }
  }

  /// What the tokens are that a request generates.
  public enum Answers: String, Sendable, Hashable, CaseIterable {
    /// What the next prompt of the conversation has in their place, where the trace says which prompt that is.
    case continued
    /// Tokens that occur nowhere else: no later prompt finds an answer.
    case own
  }

  /// How a file is to be understood, and which part of it is wanted.
  public struct Options: Sendable, Hashable {
    /// Tokens that an id stands for; nil guesses.
    public var blockTokens: Int?
    /// What a timestamp counts; nil means seconds in a file whose first request has a `chat_id`, milliseconds otherwise.
    public var timeUnit: TimeUnit?
    /// All times are divided by it.
    public var speedUp = 1.0
    /// So many requests, the first to arrive.
    public var limit: Int?
    /// Whether requests without `hash_ids` may be among others that have them; they share nothing.
    public var acceptsRequestsWithoutHashes = false
    public var answers = Answers.continued
    public init() {}
  }

  /// Prompt tokens of all requests together.
  public var inputTokens: Int { requests.reduce(0) { $0 &+ $1.inputLength } }
  /// Tokens that all requests together want.
  public var outputTokens: Int { requests.reduce(0) { $0 &+ $1.outputLength } }
  /// Seconds from the first arrival to the last.
  public var duration: Double { requests.last?.arrival ?? 0 }
}
