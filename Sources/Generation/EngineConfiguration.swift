import Paging
import Scheduling

/// What an `Engine` is made with.
public struct EngineConfiguration: Sendable, Hashable {
  /// Pages, context, budget and queues.
  public var scheduler: SchedulerConfiguration
  /// A rough guess of what steps cost, until the engine has seen some.
  public var stepCosts: StepCosts
  /// The stack of the engine's thread, in bytes.
  public var stackSize: Int

  public init(
    scheduler: SchedulerConfiguration, stepCosts: StepCosts = StepCostModel.roughPrior, stackSize: Int = 8 << 20
  ) {
    (self.scheduler, self.stepCosts, self.stackSize) = (scheduler, stepCosts, stackSize)
  }
}

/// Why an engine cannot start, or a step of it cannot be completed.
public enum EngineError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The operating system refused the thread; `code` is its errno value.
  case threadNotStarted(code: Int32)
  /// The scheduler was set up for another vocabulary than the model has.
  case vocabularyMismatch(configured: Int, model: Int)
  /// The model runner chose another number of tokens than it was asked for.
  case wrongSampleCount(found: Int, expected: Int)

  public var description: String {
    switch self {
    case .threadNotStarted(let code): "the engine's thread could not be started (errno \(code))"
    case .vocabularyMismatch(let configured, let model):
      "the scheduler is configured for a vocabulary of \(configured) tokens; the model has \(model)"
    case .wrongSampleCount(let found, let expected): "the model chose \(found) tokens; \(expected) were wanted"
    }
  }
}

/// A snapshot of what an engine does and has done.
public struct EngineStatistics: Sendable, Hashable {
  /// Requests that hold pages.
  public var running = 0
  /// Requests that wait for pages, preempted ones included.
  public var waiting = 0
  /// Pages that nobody holds and nothing is known of, pages that nobody holds and that a request may find in the prefix
  /// cache, and all pages.
  public var freePages = 0
  public var cachedPages = 0
  public var pageCount = 0
  /// Steps run, failed ones included.
  public var steps = 0
  /// Requests taken in, and how those of them ended that have.
  public var submittedRequests = 0
  public var finishes: [FinishReason: Int] = [:]
  /// Tokens of the prompts taken in, tokens generated, and tokens put through the model: after a preemption tokens are
  /// computed again.
  public var promptTokens = 0
  public var generatedTokens = 0
  public var computedTokens = 0
  /// Tokens generated in a second, lately; 0 at rest.
  public var tokensPerSecond = 0.0
  /// How often a sequence had to give its pages back.
  public var preemptions = 0
  /// How often the second level kept its pages then.
  public var swaps = 0
  /// How often a step had no time for the rest of a chunk of a prompt, for those who decode, and left it to the next.
  public var shedChunks = 0
  /// Pages of the second level that a request may find, and those that preempted requests keep there.
  public var secondLevelCachedPages = 0
  public var secondLevelLentPages = 0
  /// Copies between the levels that could not be made; their pages were computed again.
  public var failedCopies = 0
  /// Tokens that were guessed, and those of them that held.
  public var draftedTokens = 0
  public var acceptedTokens = 0
  /// What was found in the prefix cache, and evicted from it.
  public var prefixCache = PrefixCacheStatistics()

  /// How long requests, tokens and steps took.
  public var latencies: LatencyStatistics

  /// An engine that has done nothing yet.
  public init(contextLength: Int) { latencies = LatencyStatistics(contextLength: contextLength) }

  /// Requests that have ended, failed ones included.
  public var finishedRequests: Int { finishes.values.reduce(0, +) }
  public var failedRequests: Int { finishes[.failed, default: 0] }

  /// Pages that running requests hold, each counted once however many share it.
  public var heldPages: Int { pageCount - freePages - cachedPages }
}
