import Scheduling
import Testing

@Suite struct AdmissionTests {
  let configuration: SchedulerConfiguration

  init() throws {
    configuration = try SchedulerConfiguration(
      pageSize: 4, pageCount: 8, contextLength: 20, vocabularySize: 10, maxBatchTokens: 4, maxRunning: 1,
      maxWaiting: 2)
  }

  @Test func promptsThatCannotFinishAreRefused() throws {
    let scheduler = SharedScheduler(configuration)
    func submit(_ prompt: [Int32], _ maxTokens: Int = 1) throws(AdmissionError) {
      _ = try scheduler.submit(GenerationRequest(id: "x", prompt: prompt, maxTokens: maxTokens))
    }
    #expect(throws: AdmissionError.emptyPrompt) { try submit([]) }
    #expect(throws: AdmissionError.promptTooLong(promptTokens: 20, limit: 19)) {
      try submit(Array(repeating: 1, count: 20))
    }
    #expect(throws: AdmissionError.unknownToken(10, vocabularySize: 10)) { try submit([1, 10]) }
    #expect(throws: AdmissionError.unknownToken(-1, vocabularySize: 10)) { try submit([-1]) }
    for maxTokens in [0, -1, Int.min] {
      #expect(throws: AdmissionError.self) { try submit([1], maxTokens) }
    }
    #expect(scheduler.isIdle)
    try submit(Array(repeating: 1, count: 19), Int.max)
  }

  @Test func theQueueIsBounded() throws {
    let scheduler = SharedScheduler(configuration)
    let request = GenerationRequest(id: "x", prompt: [1], maxTokens: 1)
    for _ in 0..<3 { _ = try scheduler.submit(request) }
    #expect(throws: AdmissionError.overloaded(waiting: 3)) { try scheduler.submit(request) }
    let batch = try #require(scheduler.schedule())
    _ = scheduler.commit(batch, sampled: [1])
    _ = try scheduler.submit(request)
  }

  @Test func parametersOutOfRangeAreRefusedByTheirWireName() throws {
    typealias Change = (inout GenerationRequest) -> Void
    let changes: [(String, Change)] = [
      ("temperature", { $0.sampling.temperature = -1 }), ("temperature", { $0.sampling.temperature = .nan }),
      ("temperature", { $0.sampling.temperature = .infinity }), ("top_k", { $0.sampling.topK = -1 }),
      ("top_p", { $0.sampling.topP = 0 }), ("top_p", { $0.sampling.topP = 1.5 }),
      ("top_p", { $0.sampling.topP = .nan }), ("min_p", { $0.sampling.minP = -0.1 }),
      ("min_p", { $0.sampling.minP = 2 }), ("repetition_penalty", { $0.sampling.repetitionPenalty = 0 }),
      ("repetition_penalty", { $0.sampling.repetitionPenalty = .infinity }),
      ("presence_penalty", { $0.sampling.presencePenalty = .nan }),
      ("frequency_penalty", { $0.sampling.frequencyPenalty = -.infinity }),
      ("logit_bias", { $0.sampling.logitBias = [10: 1] }), ("logit_bias", { $0.sampling.logitBias = [-1: 1] }),
      ("logit_bias", { $0.sampling.logitBias = [1: .nan] }), ("top_logprobs", { $0.sampling.topLogprobs = -1 }),
      ("top_logprobs", { $0.sampling.topLogprobs = 11 }), ("stop", { $0.stop.strings = ["a", ""] }),
    ]
    for (name, change) in changes {
      var request = GenerationRequest(id: "x", prompt: [1], maxTokens: 1)
      change(&request)
      do throws(AdmissionError) {
        try configuration.check(request)
        Issue.record("\(name) was accepted: \(request)")
      } catch {
        guard case .invalidParameter(name, let reason) = error else {
          Issue.record("\(name): \(error)")
          continue
        }
        #expect(!reason.isEmpty)
      }
    }
  }
}
