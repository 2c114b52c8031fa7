import Paging
import Scheduling

/// What a day of traffic was like under one configuration. Times are seconds of the simulated clock.
public struct SimulationReport: Sendable, Hashable {
  public let configuration: SchedulerConfiguration
  public let counts: Counts
  /// From the first arrival to the last answer.
  public let virtualSeconds: Double
  /// From arrival to the first token; of the requests that were taken in. nil, like those below, when there are none.
  public let timeToFirstToken: SampleSummary?
  /// From one token of a request to its next.
  public let interTokenLatency: SampleSummary?
  /// From arrival to the last token.
  public let endToEnd: SampleSummary?
  /// From arrival to the beginning of the first step that computed something of the request.
  public let queueTime: SampleSummary?
  /// How long steps took.
  public let stepTime: SampleSummary?

  /// What can be counted.
  public struct Counts: Sendable, Hashable {
    public internal(set) var requests = 0
    /// Requests that were answered to their end.
    public internal(set) var finished = 0
    /// Those of them that ended early because the context was full.
    public internal(set) var cutShort = 0
    /// Requests whose prompt and one token do not fit the context.
    public internal(set) var refusedTooLong = 0
    /// Requests without a prompt.
    public internal(set) var refusedEmpty = 0
    /// Requests that found the queue full.
    public internal(set) var refusedOverloaded = 0
    public internal(set) var steps = 0
    /// Prompt tokens of the requests that finished.
    public internal(set) var promptTokens = 0
    public internal(set) var generatedTokens = 0
    /// Tokens that went through the model, those again that preemption threw away.
    public internal(set) var computedTokens = 0
    /// How often a request lost its pages, and how often they were kept in the second level.
    public internal(set) var preemptions = 0, swaps = 0
    /// What the prefix cache found and gave up.
    public internal(set) var cache = PrefixCacheStatistics()
    /// The most pages that running requests held at a time, and the most that held anything, cached ones included.
    public internal(set) var peakPagesHeld = 0, peakPagesUsed = 0
    public internal(set) var peakRunning = 0, peakWaiting = 0

    public var refused: Int { refusedTooLong + refusedEmpty + refusedOverloaded }
  }

  /// The share of the prompt tokens that was in the cache when a request was admitted, from 0 to 1.
  public var prefixHitRate: Double {
    counts.cache.queriedTokens == 0 ? 0 : Double(counts.cache.hitTokens) / Double(counts.cache.queriedTokens)
  }
  /// Tokens generated in a second; nil when no time passed.
  public var throughput: Double? { virtualSeconds > 0 ? Double(counts.generatedTokens) / virtualSeconds : nil }
  /// The configuration in a word: queue policy, eviction policy.
  public var name: String { "\(configuration.queuePolicy.rawValue)/\(configuration.evictionPolicy.rawValue)" }
}
