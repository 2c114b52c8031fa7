import Generation
import KernelRuntime
import Kernels
import Models
import Scheduling
import TestSupport
import Testing

/// Reusing pages gives the same bits on real models: tokens and log-probabilities are equal, not merely close.
struct SharedPrefixTests {
  /// Prompts of two groups, with 70 and 40 tokens in common.
  private static func prompts(_ count: Int, vocabularySize: Int) -> [[Int32]] {
    (0..<count).map { number in
      let common = number % 2 == 0 ? 70 : 40
      let head = (0..<common).map { Int32(($0 * 7919 + number % 2) % vocabularySize) }
      let tail = (0..<9 + number).map { Int32(($0 * 104_729 + number * 31) % vocabularySize) }
      return head + tail
    }
  }

  private func engine(_ files: ModelFiles, _ change: (inout ModelEngineOptions) -> Void) async throws -> Engine {
    var options = ModelEngineOptions(threads: 2)
    options.contextLength = 128
    options.kvMemory = 64 << 20
    change(&options)
    return try await Engine.start(
      files, tokenizer: { LetterDecoder() },
      library: KernelLibrary(solutions: KernelCatalog.solutions, policy: .auto), options: options,
      availableMemory: 1 << 30)
  }

  /// All prompts at the same time.
  private func transcripts(_ engine: Engine, _ prompts: [[Int32]], maxTokens: Int) async throws -> [Transcript] {
    let streams = try prompts.map { prompt in
      var request = greedy(prompt, maxTokens: maxTokens)
      request.sampling.topLogprobs = 3
      request.stop.ignoresStopTokens = true
      return try engine.generate(request)
    }
    var results: [Transcript] = []
    for stream in streams { results.append(await Transcript(stream)) }
    return results
  }

  /// Cold and warm, against an engine that runs one request at a time and keeps nothing.
  private func check(
    _ files: ModelFiles, requests: Int, maxTokens: Int, base: (inout ModelEngineOptions) -> Void = { _ in },
    _ changes: [(inout ModelEngineOptions) -> Void]
  ) async throws {
    let prompts = Self.prompts(requests, vocabularySize: files.configuration.vocabularySize)
    let alone = try await engine(files) {
      base(&$0)
      ($0.prefixCaching, $0.maxRunning) = (false, 1)
    }
    let expected = try await transcripts(alone, prompts, maxTokens: maxTokens)
    await alone.shutdown()
    #expect(expected.allSatisfy { $0.logprobs.count == maxTokens && $0.usage?.cachedTokens == 0 })
    for (number, change) in changes.enumerated() {
      let engine = try await engine(files) {
        base(&$0)
        change(&$0)
      }
      for round in ["cold", "warm"] {
        for (one, other) in zip(try await transcripts(engine, prompts, maxTokens: maxTokens), expected) {
          #expect(one.tokens == other.tokens && one.logprobs == other.logprobs, "change \(number), \(round)")
        }
      }
      let statistics = engine.statistics
      #expect(statistics.prefixCache.hitTokens > 30 && statistics.heldPages == 0, "change \(number)")
      await engine.shutdown()
    }
  }

  @Test(arguments: ["llama", "mistral", "qwen2", "qwen3"])
  func logprobsAreTheSameBitsWhateverIsShared(family: String) async throws {
    let files = try ModelFiles.open(Fixtures.path("families/\(family)"))
    let pageBytes = 16 * KVStore.bytesPerToken(files.configuration, dtype: .float16)
    try await check(
      files, requests: 12, maxTokens: 8,
      [
        { _ in },
        { ($0.pageSize, $0.maxBatchTokens) = (1, 33) },
        { ($0.pageSize, $0.kvType, $0.maxBatchTokens) = (64, .float16, 7) },
        // Room for one or two requests at a time: evictions and preemptions all along.
        { ($0.kvMemory, $0.maxBatchTokens, $0.queuePolicy) = (11 * pageBytes, 50, .longestPrefixMatch) },
      ])
  }

  @Test(arguments: [false, true])
  func layoutsAndTypesOfKeysAndValuesDoTheSame(isInt8: Bool) async throws {
    let files = try ModelFiles.open(Fixtures.path("families/qwen2"))
    let pageBytes = 16 * KVStore.bytesPerToken(files.configuration, dtype: isInt8 ? .int8 : .float16)
    try await check(
      files, requests: 4, maxTokens: 4, base: { if isInt8 { $0.kvType = .int8 } },
      [
        { ($0.pageSize, $0.maxBatchTokens) = (1, 33) },
        { ($0.kvMemory, $0.maxBatchTokens, $0.kvLayout) = (11 * pageBytes, 50, .pageFirst) },
      ])
  }

  @Test(.enabled(if: Fixtures.defaultModel != nil, "the default model was not fetched"))
  func theDefaultModelGivesTheSameBitsToo() async throws {
    let files = try ModelFiles.open(try #require(Fixtures.defaultModel))
    try await check(files, requests: 3, maxTokens: 1, [{ $0.maxBatchTokens = 100 }])
  }
}
