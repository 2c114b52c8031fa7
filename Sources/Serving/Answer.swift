import Generation
import Scheduling

/// One answer when it is complete.
struct FinishedChoice: Sendable {
  var text = ""
  var logprobs: [TokenLogprobs] = []
  var reason = FinishReason.stop
}

/// How an endpoint writes what was generated.
protocol AnswerFormat: Sendable {
  /// The whole answer as one object.
  func complete(_ choices: [FinishedChoice], usage: Usage) -> String
  /// The first chunk of a choice, when there is one before the text.
  func opening(choice: Int) -> String?
  mutating func delta(choice: Int, text: String, logprobs: [TokenLogprobs]) -> String
  func finish(choice: Int, reason: FinishReason) -> String
  /// The chunk after the last choice, which holds only the counts.
  func usage(_ usage: Usage) -> String
}

/// The running generations of one request: one stream per choice, prompt by prompt.
///
/// Dropping it, or cancelling the task that reads it, cancels all of them.
struct Answer: Sendable {
  let streams: [AsyncStream<GenerationEvent>]
  /// How many consecutive streams continue the same prompt (`n`).
  let choicesPerPrompt: Int

  /// Reads all events, those of one choice in order. Returns when each choice has ended.
  /// - Throws: `APIError` when a choice failed; `CancellationError` when the reading task was cancelled.
  func read(_ body: (_ choice: Int, GenerationEvent) async throws -> Void) async throws {
    var ended = 0
    try await forEachEvent { choice, event in
      if case .finished(let reason, _, let message) = event {
        try Self.check(reason, message)
        ended += 1
      }
      try await body(choice, event)
    }
    try Task.checkCancellation()
    if ended < streams.count { throw APIError.internal("the generation ended without a result") }
  }

  private static func check(_ reason: FinishReason, _ message: String?) throws(APIError) {
    switch reason {
    case .stop, .length: return
    case .failed: throw .internal(message ?? "the generation failed")
    case .cancelled: throw .unavailable(message ?? "the generation was cancelled by the server", code: "cancelled")
    }
  }

  private func forEachEvent(_ body: (_ choice: Int, GenerationEvent) async throws -> Void) async throws {
    if streams.count == 1 {
      for await event in streams[0] { try await body(0, event) }
      return
    }
    let (merged, continuation) = AsyncStream<(choice: Int, event: GenerationEvent?)>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (choice, stream) in streams.enumerated() {
        group.addTask {
          for await event in stream { continuation.yield((choice, event)) }
          continuation.yield((choice, nil))
        }
      }
      var open = streams.count
      for await (choice, event) in merged {
        if let event {
          try await body(choice, event)
        } else {
          open -= 1
          if open == 0 { break }
        }
      }
      group.cancelAll()
    }
  }

  /// Waits for all choices and writes them as one object.
  func collect(as format: some AnswerFormat) async throws -> String {
    var choices = Array(repeating: FinishedChoice(), count: streams.count)
    var usage = UsageSum(choicesPerPrompt: choicesPerPrompt)
    try await read { choice, event in
      switch event {
      case .delta(let text, _, let logprobs):
        choices[choice].text += text
        choices[choice].logprobs += logprobs
      case .finished(let reason, let counts, _):
        choices[choice].reason = reason
        usage.add(counts, choice: choice)
      }
    }
    return format.complete(choices, usage: usage.total)
  }

  /// Writes each event as it comes.
  func stream(
    as format: some AnswerFormat, includingUsage: Bool, _ send: (String) async throws -> Void
  ) async throws {
    var format = format
    var usage = UsageSum(choicesPerPrompt: choicesPerPrompt)
    for choice in streams.indices { if let chunk = format.opening(choice: choice) { try await send(chunk) } }
    try await read { choice, event in
      switch event {
      case .delta(let text, _, let logprobs):
        if text.isEmpty && logprobs.isEmpty { return }
        try await send(format.delta(choice: choice, text: text, logprobs: logprobs))
      case .finished(let reason, let counts, _):
        usage.add(counts, choice: choice)
        try await send(format.finish(choice: choice, reason: reason))
      }
    }
    if includingUsage { try await send(format.usage(usage.total)) }
  }
}

/// Adds up the counts of several choices; a prompt that is answered several times counts once.
struct UsageSum {
  let choicesPerPrompt: Int
  private(set) var total = Usage.zero

  init(choicesPerPrompt: Int) { self.choicesPerPrompt = choicesPerPrompt }

  mutating func add(_ usage: Usage, choice: Int) {
    total.completionTokens += usage.completionTokens
    if choice % choicesPerPrompt == 0 {
      total.promptTokens += usage.promptTokens
      total.cachedTokens += usage.cachedTokens
    }
  }
}
