import Generation
import Scheduling
import Synchronization

/// What sharing and batching are measured by.
struct SharingScenarios: Sendable {
  let load: BenchmarkLoad

  // MARK: Requests with a common prefix

  struct Prefix: Sendable {
    /// Requests, those at a time, and the tokens of each: common, its own, generated.
    var requests = 64, concurrent = 16, prefix = 512, suffix = 32, output = 8
  }

  struct PrefixFigures: Sendable {
    var seconds: Double
    /// Pages that were held at most, each counted once however many share it, and prompt tokens found in the cache.
    var heldPages: Int, foundTokens: Int
  }

  /// - seed: other prompts for each, so that nothing of one run helps the next.
  func commonPrefix(_ shape: Prefix, seed: Int) async throws -> PrefixFigures {
    let prefix = load.tokens(shape.prefix, seed: seed * 1000)
    let requests = (1...shape.requests).map {
      load.request(prefix + load.tokens(shape.suffix, seed: seed * 1000 + $0), tokens: shape.output)
    }
    let foundBefore = load.engine.statistics.prefixCache.hitTokens
    // Sampled at each token: the most is held when all of a round decode.
    let peak = PeakPages()
    let (_, seconds) = try await load.run(requests, concurrent: shape.concurrent) {
      peak.see(load.engine.statistics.heldPages)
    }
    return PrefixFigures(
      seconds: seconds, heldPages: peak.largest,
      foundTokens: load.engine.statistics.prefixCache.hitTokens - foundBefore)
  }

  // MARK: Decoding together

  /// Tokens a second of so many streams together, while all of them decode.
  func decode(streams: Int, tokens: Int, seed: Int) async throws -> Double {
    let requests = (1...streams).map { load.request(load.tokens(16, seed: seed * 1000 + $0), tokens: tokens) }
    let (answers, _) = try await load.run(requests, concurrent: streams)
    let begin = answers.compactMap(\.tokens.first).max() ?? 0, end = answers.compactMap(\.tokens.last).min() ?? 0
    let counted = answers.reduce(0) { $0 + $1.tokens.count { $0 > begin && $0 <= end } }
    return end > begin ? Double(counted) / (end - begin) : 0
  }

  // MARK: A long prompt among running streams

  struct Interruption: Sendable {
    /// Tokens of the prompt a second.
    var promptSpeed: Double
    /// Seconds between the tokens of each stream while the prompt was computed.
    var gaps: [Double]
  }

  /// Seconds to the first token of a prompt that is alone.
  func alone(prompt: Int, seed: Int) async throws -> Double {
    try await load.run(load.request(load.tokens(prompt, seed: seed), tokens: 1)).first
  }

  /// Sends a long prompt once all streams run; ends the streams when it has its first token.
  func interrupt(streams: Int, prompt: Int, seed: Int) async throws -> Interruption {
    let room = load.engine.contextLength - 17
    let before = load.engine.statistics.generatedTokens
    return try await withThrowingTaskGroup(of: BenchmarkLoad.Answer.self) { group in
      for stream in 1...streams {
        let request = load.request(load.tokens(16, seed: seed * 1000 + stream), tokens: room)
        group.addTask { try await load.run(request) }
      }
      while load.engine.statistics.generatedTokens < before + 8 * streams {
        try await Task.sleep(for: .milliseconds(5))
      }
      let long = try await load.run(load.request(load.tokens(prompt, seed: seed * 1000), tokens: 1))
      group.cancelAll()
      let end = long.sent + long.first
      var gaps: [Double] = []
      for try await answer in group {
        for (earlier, later) in zip(answer.tokens, answer.tokens.dropFirst()) where later > long.sent && earlier < end {
          gaps.append(later - earlier)
        }
      }
      return Interruption(promptSpeed: Double(prompt) / long.first, gaps: gaps)
    }
  }
}

/// The largest of some numbers, from any thread.
private final class PeakPages: Sendable {
  private let value = Mutex(0)
  var largest: Int { value.withLock { $0 } }
  func see(_ pages: Int) { value.withLock { $0 = max($0, pages) } }
}
