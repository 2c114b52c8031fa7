import Generation
import Glibc
import KernelRuntime
import Kernels
import Models
import Scheduling
import TestSupport
import Testing

/// Forty mixed requests on the default model: every logit of every generated position is the same bits, however requests
/// are batched, chunked, paged, cached, preempted, and on any number of threads.
@Suite(.serialized, .enabled(if: Fixtures.defaultModel != nil, "the default model was not fetched"))
struct InvarianceSuite {
  /// How one run is cut.
  struct Cut: Sendable, CustomStringConvertible {
    var description: String
    var maxRunning = 8, maxBatchTokens = 256, pageSize = 16, threads = 2, prefixCaching = true
    var preemptsEveryStep = false
    /// Positions that the pool holds; nil for plenty.
    var poolTokens: Int?
    /// How often the same requests run on the same engine.
    var rounds = 1
  }

  static let cuts: [Cut] = [
    Cut(description: "two at a time", maxRunning: 2), Cut(description: "eight at a time", maxRunning: 8),
    Cut(description: "thirty-two at a time, cold then warm", maxRunning: 32, rounds: 2),
    Cut(description: "chunks of 7", maxRunning: 4, maxBatchTokens: 7),
    Cut(description: "chunks of 64", maxRunning: 16, maxBatchTokens: 64),
    Cut(description: "steps of 512", maxRunning: 32, maxBatchTokens: 512, prefixCaching: false),
    Cut(description: "one thread", threads: 1), Cut(description: "pages of one token", pageSize: 1),
    Cut(description: "pages of 64 tokens", maxRunning: 16, pageSize: 64),
    Cut(description: "preempted at every step", maxRunning: 8, preemptsEveryStep: true),
    Cut(
      description: "preempted at every step, nothing cached", maxRunning: 4, prefixCaching: false,
      preemptsEveryStep: true),
    Cut(description: "a pool of a fifth", maxRunning: 32, poolTokens: 192),
  ]

  static let outputs = 2

  /// Lengths from 3 to 40; every third prompt begins like others.
  static let prompts: [[Int32]] = (0..<40).map { number in
    let length = 3 + number * 17 % 38
    return (0..<length).map { position in
      let group = number % 3 == 0 && position < 24 ? number % 2 : 100 + number
      return Int32(1000 + (position * 7919 + group * 104_729) % 40_000)
    }
  }

  /// The logits of each generated position of one request, and what was generated.
  final class Answer {
    var tokens: [Int32] = []
    var rows: [[Float]] = []
  }

  private func run(_ cut: Cut, compare: ((Int, Int, UnsafeMutableBufferPointer<Float>) -> Bool)?) throws -> [Answer] {
    let files = try ModelFiles.open(try #require(Fixtures.defaultModel)), model = files.configuration
    let limits = try SchedulerConfiguration(
      pageSize: cut.pageSize, pageCount: (cut.poolTokens ?? 4096) / cut.pageSize, contextLength: 64,
      vocabularySize: model.vocabularySize, maxBatchTokens: cut.maxBatchTokens, maxRunning: cut.maxRunning,
      prefixCaching: cut.prefixCaching)
    let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: .auto)
    let decoder = try Decoder.load(
      files, library: library, pageSize: cut.pageSize, cacheType: .float16, contextLength: 64)
    var runner = DecoderRunner(
      model: decoder, kv: KVStore(model, pageCount: limits.pageCount, pageSize: cut.pageSize, dtype: .float16),
      workspace: DecoderWorkspace(model, maxTokens: limits.maxBatchTokens, maxSampledRows: limits.maxRunning),
      sampler: try TokenSampler(library, vocabularySize: model.vocabularySize, maxRows: limits.maxRunning),
      stream: CPUStream(threads: cut.threads))
    var scheduler = Scheduler(limits), answers: [Answer] = []
    for _ in 0..<cut.rounds {
      answers = Self.prompts.map { _ in Answer() }
      var numbers: [Int: Int] = [:]
      for (number, prompt) in Self.prompts.enumerated() {
        var request = GenerationRequest(id: "\(number)", prompt: prompt, maxTokens: Self.outputs)
        request.stop.ignoresStopTokens = true
        numbers[try scheduler.submit(request)] = number
      }
      var steps = 0
      while !scheduler.isIdle {
        steps += 1
        try #require(steps < 20_000, "no end")
        if cut.preemptsEveryStep { scheduler.preemptNewest() }
        guard let batch = scheduler.schedule() else { continue }
        try runner.forward(batch)
        let handles = batch.sequences.filter(\.samples).map(\.handle)
        let tokens = handles.isEmpty ? [] : try runner.sample(handles.map { _ in Draw(temperature: 0, uniform: 0) })
        for (row, handle) in handles.enumerated() {
          let number = try #require(numbers[handle]), answer = answers[number], logits = runner.logits(row)
          if let compare {
            try #require(
              compare(number, answer.tokens.count, logits), "request \(number), output \(answer.tokens.count): \(cut)")
          } else {
            answer.rows.append(Array(logits))
          }
          answer.tokens.append(tokens[row])
        }
        _ = scheduler.commit(batch, sampled: tokens)
      }
    }
    return answers
  }

  @Test("logits and tokens of forty requests are the same bits however the work is cut")
  func everyCut() throws {
    let alone = try run(
      Cut(description: "alone", maxRunning: 1, maxBatchTokens: 256, prefixCaching: false), compare: nil)
    #expect(alone.allSatisfy { $0.tokens.count == Self.outputs })
    #expect(Set(alone.map(\.tokens)).count > 20, "the requests differ")
    for cut in Self.cuts {
      let answers = try run(cut) { number, position, logits in
        alone[number].rows[position].withUnsafeBytes { memcmp($0.baseAddress!, logits.baseAddress!, $0.count) == 0 }
      }
      for (answer, other) in zip(answers, alone) { #expect(answer.tokens == other.tokens, "\(cut)") }
    }
  }
}
