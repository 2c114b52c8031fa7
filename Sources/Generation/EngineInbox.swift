import Glibc
import Scheduling
import Synchronization

/// A request on its way from the caller to the engine's thread, with all that could be prepared on the caller's.
struct Submission: Sendable {
  let request: GenerationRequest
  let channel: RequestChannel
  let matcher: StopStringMatcher
  let processor: LogitsProcessor
  let draws: UniformDraws
}

/// The way back: events out, cancellation in.
final class RequestChannel: Sendable {
  let events: AsyncStream<GenerationEvent>.Continuation
  /// Set from any thread, looked at once a step.
  let isCancelled = Atomic<Bool>(false)

  init(_ events: AsyncStream<GenerationEvent>.Continuation) { self.events = events }
}

/// What reaches the engine's thread from all others: many producers, one consumer that sleeps only when idle.
///
/// A busy engine looks at one atomic a step and takes the lock only when there is something behind it.
final class EngineInbox: Sendable {
  /// How far the engine is on its way to its end; only ever grows.
  enum Phase: Int, Sendable, Comparable {
    /// Requests are taken in.
    case open
    /// No more requests are taken in; those that are live run to their end.
    case draining
    /// Requests that are live are cancelled.
    case cancelling

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  struct News {
    var submissions: [Submission] = []
    var phase = Phase.open
    /// Whether a request may have been cancelled.
    var hasCancellations = false
  }

  private let news = Mutex(News())
  private let hasNews = Atomic<Bool>(false)
  private let isSleeping = Atomic<Bool>(false)
  private let wakeUp = Semaphore()
  private let live = Atomic<Int>(0)
  private let capacity: Int

  /// `capacity` bounds the requests that are live at the same time.
  init(capacity: Int) { self.capacity = capacity }

  /// Requests that were submitted and have not had their last event.
  var liveCount: Int { live.load(ordering: .relaxed) }
  var isOpen: Bool { news.withLock { $0.phase == .open } }

  // MARK: Any thread

  /// Takes a place among the live requests; `releasePlace` gives it back.
  func takePlace() -> Bool {
    guard live.add(1, ordering: .relaxed).newValue <= capacity else {
      live.subtract(1, ordering: .relaxed)
      return false
    }
    return true
  }

  func releasePlace() { live.subtract(1, ordering: .relaxed) }

  /// Hands a request to the engine.
  /// - Returns: false when the inbox is closed; the engine will not see the request then.
  func push(_ submission: Submission) -> Bool {
    let isOpen = news.withLock { news in
      if news.phase == .open { news.submissions.append(submission) }
      return news.phase == .open
    }
    if isOpen { announce() }
    return isOpen
  }

  /// Tells the engine that some channel's `isCancelled` was set.
  func noteCancellation() {
    news.withLock { $0.hasCancellations = true }
    announce()
  }

  /// Moves on to a later phase.
  func close(_ phase: Phase) {
    news.withLock { $0.phase = max($0.phase, phase) }
    announce()
  }

  private func announce() {
    hasNews.store(true, ordering: .sequentiallyConsistent)
    if isSleeping.exchange(false, ordering: .sequentiallyConsistent) { wakeUp.post() }
  }

  // MARK: The engine's thread

  /// Whether `take` would return something.
  var hasArrivals: Bool { hasNews.load(ordering: .relaxed) }

  /// What has arrived since the last call, or nil.
  func take() -> News? {
    guard hasNews.exchange(false, ordering: .sequentiallyConsistent) else { return nil }
    return news.withLock { news in
      defer { (news.submissions, news.hasCancellations) = ([], false) }
      return news
    }
  }

  /// Sleeps until there is news.
  func waitForNews() {
    isSleeping.store(true, ordering: .sequentiallyConsistent)
    // News that came before the store found nobody sleeping. If the flag is gone, someone is about to post.
    if hasNews.load(ordering: .sequentiallyConsistent),
      isSleeping.exchange(false, ordering: .sequentiallyConsistent)
    {
      return
    }
    wakeUp.wait()
  }
}

/// A counting semaphore of the operating system.
private final class Semaphore: @unchecked Sendable {
  // Unchecked: a sem_t is made for use from many threads, at an address that never changes.
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  init() { sem_init(semaphore, 0, 0) }
  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }
  func post() { sem_post(semaphore) }
  func wait() { while sem_wait(semaphore) != 0 && errno == EINTR {} }
}
