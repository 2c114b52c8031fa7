import Generation
import Glibc
import Scheduling
import Synchronization
import Testing

/// What came out of one request.
struct Transcript: Sendable, Equatable {
  var text = ""
  var tokens: [Int32] = []
  var logprobs: [TokenLogprobs] = []
  var deltas = 0
  var finals: [FinishReason] = []
  var usage: Usage?
  var message: String?

  /// Reads a stream to its end. Fails the test unless it ends with exactly one final event.
  init(_ events: AsyncStream<GenerationEvent>) async {
    for await event in events {
      #expect(finals.isEmpty, "\(event) after the end")
      switch event {
      case .delta(let text, let tokens, let logprobs):
        self.text += text
        self.tokens += tokens
        self.logprobs += logprobs
        deltas += 1
      case .finished(let reason, let usage, let message):
        finals.append(reason)
        (self.usage, self.message) = (usage, message)
      }
    }
    #expect(finals.count == 1, "\(finals.count) final events")
  }
}

func makeEngine(
  pageSize: Int = 4, pageCount: Int = 64, contextLength: Int = 128, maxBatchTokens: Int = 32, maxRunning: Int = 16,
  maxWaiting: Int = 256, script: ScriptedRunner.Script = .init()
) async throws -> Engine {
  let scheduler = try SchedulerConfiguration(
    pageSize: pageSize, pageCount: pageCount, contextLength: contextLength,
    vocabularySize: ScriptedRunner.vocabulary, maxBatchTokens: maxBatchTokens, maxRunning: maxRunning,
    maxWaiting: maxWaiting)
  return try await Engine(
    configuration: EngineConfiguration(scheduler: scheduler), makeDecoder: { LetterDecoder() },
    makeRunner: { ScriptedRunner(scheduler, script) })
}

/// An engine on a scheduler of these sizes.
func makeEngine(_ scheduler: SchedulerConfiguration, script: ScriptedRunner.Script = .init()) async throws -> Engine {
  try await Engine(
    configuration: EngineConfiguration(scheduler: scheduler), makeDecoder: { LetterDecoder() },
    makeRunner: { ScriptedRunner(scheduler, script) })
}

/// A greedy request.
func greedy(_ prompt: [Int32], maxTokens: Int) -> GenerationRequest {
  var request = GenerationRequest(id: "\(prompt)", prompt: prompt, maxTokens: maxTokens)
  request.sampling.temperature = 0
  return request
}

/// A prompt that differs for each number.
func prompt(_ number: Int, count: Int) -> [Int32] {
  (0..<count).map { Int32(($0 * 7 + number * 13 + $0 * $0 * number) % ScriptedRunner.vocabulary) }
}

/// Waits for something that another thread brings about; a minute is for machines that are very busy.
func eventually(_ condition: () -> Bool) async -> Bool {
  for _ in 0..<60_000 {
    if condition() { return true }
    try? await Task.sleep(for: .milliseconds(1))
  }
  return false
}

/// Holds the engine's steps until it is opened.
final class Gate: Sendable {
  private let isOpen = Atomic<Bool>(false)
  func open() { isOpen.store(true, ordering: .releasing) }
  func pass() { while !isOpen.load(ordering: .acquiring) { usleep(200) } }
}

/// Lets the engine take as many steps as it has been allowed, so that a request cannot end before a test gets its turn.
final class StepAllowance: Sendable {
  private let left = Atomic<Int>(0)
  func add(_ steps: Int) { left.add(steps, ordering: .releasing) }
  /// Called by the engine's thread alone.
  func take() {
    while left.load(ordering: .acquiring) <= 0 { usleep(200) }
    left.subtract(1, ordering: .relaxed)
  }
}
