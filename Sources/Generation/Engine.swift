import Scheduling

/// Runs requests on a model: continuous batching on a thread of its own, text and token counts out.
///
/// ```swift
/// let engine = try await Engine(configuration: configuration, makeDecoder: { … }) { try ModelRunner(weights) }
/// for await event in try engine.generate(request) { … }
/// await engine.shutdown()
/// ```
///
/// The model, its KV memory and the scheduler live on the engine's thread and never leave it. Requests enter through an
/// inbox, events leave by a stream, and a cancellation is looked at once a step; so neither side ever waits for the
/// other, and Swift's cooperative pool is never blocked by a step.
///
/// Every request that `generate` accepted gets exactly one `.finished` event: also when its step fails, when its caller
/// has gone and when the engine is shut down. Deltas carry all tokens generated except a stop token; the usage counts
/// that one too, as OpenAI's API does.
public final class Engine: TextGenerator {
  public let configuration: EngineConfiguration
  private let inbox: EngineInbox
  private let thread: EngineThread
  private let shared: SharedStatistics

  /// Starts the thread, makes the runner on it and returns when that is ready.
  /// - Parameters:
  ///   - clock: what latencies are measured with; called on the engine's thread.
  ///   - makeDecoder: makes the text decoder of one request; called on the engine's thread.
  ///   - makeRunner: loads the model; called once, on the engine's thread, which alone uses the result.
  /// - Throws: what `makeRunner` throws, or `EngineError` when the thread cannot be started or the model's vocabulary is
  ///   not the configured one.
  public init(
    configuration: EngineConfiguration, clock: @escaping EngineClock = monotonicSeconds,
    makeDecoder: @escaping @Sendable () -> any TokenTextDecoder,
    makeRunner: @escaping @Sendable () throws -> any ModelRunning
  ) async throws {
    let limits = configuration.scheduler
    let inbox = EngineInbox(capacity: limits.maxRunning + limits.maxWaiting)
    let shared = SharedStatistics(contextLength: limits.contextLength)
    (self.configuration, self.inbox, self.shared) = (configuration, inbox, shared)
    let started = Promise()
    thread = try EngineThread(stackSize: configuration.stackSize) {
      do {
        let runner = try makeRunner()
        guard runner.vocabularySize == limits.vocabularySize else {
          throw EngineError.vocabularyMismatch(configured: limits.vocabularySize, model: runner.vocabularySize)
        }
        var loop = EngineLoop(
          configuration, runner: runner, inbox: inbox, statistics: shared, clock: clock, makeDecoder: makeDecoder)
        loop.loadCache()
        started.fulfil(.success(()))
        loop.run()
        loop.saveCache()
      } catch {
        started.fulfil(.failure(error))
      }
    }
    do {
      try await started.value()
    } catch {
      await thread.join()
      throw error
    }
  }

  deinit { inbox.close(.cancelling) }

  public var contextLength: Int { configuration.scheduler.contextLength }

  public var isHealthy: Bool { inbox.isOpen && !thread.isEnded }

  /// What the engine does and has done, as of its last step.
  public var statistics: EngineStatistics { shared.value.withLock { $0 } }

  /// Starts a request; see `TextGenerator`. Admission is decided at once, on the caller's thread: at most
  /// `maxRunning + maxWaiting` requests of the configuration are live at a time.
  ///
  /// The request is cancelled when the task that iterates is cancelled, or when nobody holds the stream any more. Leaving
  /// the loop is not enough while the stream is kept in a variable: it could be read on.
  public func generate(_ request: GenerationRequest) throws(AdmissionError) -> AsyncStream<GenerationEvent> {
    guard inbox.isOpen else { throw .shuttingDown }
    try configuration.scheduler.check(request)
    guard inbox.takePlace() else {
      throw .overloaded(waiting: max(0, inbox.liveCount - configuration.scheduler.maxRunning))
    }
    let (stream, events) = AsyncStream.makeStream(of: GenerationEvent.self, bufferingPolicy: .unbounded)
    let channel = RequestChannel(events)
    let submission = Submission(
      request: request, channel: channel, matcher: StopStringMatcher(request.stop.strings),
      processor: LogitsProcessor(request.sampling, prompt: request.prompt),
      draws: UniformDraws(seed: request.sampling.seed ?? UInt64.random(in: .min ... .max)))
    events.onTermination = { [inbox] termination in
      guard case .cancelled = termination else { return }
      channel.isCancelled.store(true, ordering: .releasing)
      inbox.noteCancellation()
    }
    guard inbox.push(submission) else {
      inbox.releasePlace()
      throw .shuttingDown
    }
    return stream
  }

  /// Refuses new requests, ends those that are live, and waits until the thread has ended and the model is gone.
  /// - Parameter finishingRequests: lets live requests run to their end; otherwise they are cancelled in this step. A
  ///   second call without it cuts the wait of the first short.
  public func shutdown(finishingRequests: Bool = false) async {
    inbox.close(finishingRequests ? .draining : .cancelling)
    await thread.join()
  }
}
