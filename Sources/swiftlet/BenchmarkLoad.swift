import ArgumentParser
import Generation
import Scheduling
import Tokenization

/// Requests to an engine by one or many callers at once, with the time at which each token reached its caller.
struct BenchmarkLoad: Sendable {
  let engine: Engine
  /// Token ids are below it.
  let vocabulary: Int

  /// One request's times, in seconds of `monotonicSeconds`.
  struct Answer: Sendable {
    var sent = 0.0
    var tokens: [Double] = []
    /// Seconds to the first token.
    var first: Double { (tokens.first ?? sent) - sent }
  }

  /// Token ids that differ from the first on for each seed.
  func tokens(_ count: Int, seed: Int) -> [TokenID] {
    (0..<count).map { TokenID(($0 * 7919 + seed * 104_729 + 31) % vocabulary) }
  }

  func request(_ prompt: [TokenID], tokens: Int) -> GenerationRequest {
    var request = GenerationRequest(id: "bench", prompt: prompt, maxTokens: tokens)
    request.sampling.temperature = 0
    request.stop.ignoresStopTokens = true
    return request
  }

  /// One request to its end, or until the task is cancelled.
  /// - onToken: called after each token.
  func run(_ request: GenerationRequest, onToken: @Sendable () -> Void = {}) async throws -> Answer {
    var answer = Answer(sent: monotonicSeconds())
    for await event in try engine.generate(request) {
      switch event {
      case .delta(_, let tokens, _):
        let now = monotonicSeconds()
        answer.tokens += tokens.map { _ in now }
        onToken()
      case .finished(.failed, _, let message): throw ValidationError(message ?? "a request failed")
      case .finished: break
      }
    }
    return answer
  }

  /// All requests, so many at a time: each caller sends its next when it has its last answer.
  func run(
    _ requests: [GenerationRequest], concurrent: Int,
    onToken: @escaping @Sendable () -> Void = {}
  ) async throws -> (answers: [Answer], seconds: Double) {
    let start = monotonicSeconds()
    let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
      var waiting = requests.makeIterator()
      for _ in 0..<concurrent {
        guard let request = waiting.next() else { break }
        group.addTask { try await run(request, onToken: onToken) }
      }
      var answers: [Answer] = []
      for try await answer in group {
        answers.append(answer)
        if let request = waiting.next() { group.addTask { try await run(request, onToken: onToken) } }
      }
      return answers
    }
    return (answers, monotonicSeconds() - start)
  }
}

extension [Double] {
  /// The value that this share of the values does not exceed; 0 without values.
  func percentile(_ share: Double) -> Double {
    guard !isEmpty else { return 0 }
    let rank = Int((share * Double(count)).rounded(.up))
    return sorted()[Swift.min(count - 1, Swift.max(0, rank - 1))]
  }
}
