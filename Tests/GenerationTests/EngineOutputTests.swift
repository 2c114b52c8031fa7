import Scheduling
import Testing

@testable import Generation

@Suite struct EngineOutputTests {
  private func run(_ request: GenerationRequest) async throws -> Transcript {
    let engine = try await makeEngine()
    let transcript = await Transcript(try engine.generate(request))
    await engine.shutdown()
    return transcript
  }

  @Test func aStopTokenEndsTheOutputIsNotPartOfItAndCounts() async throws {
    for number in 0..<20 {
      let input = prompt(number, count: 5)
      let free = ScriptedRunner.output(after: input, count: 30)
      let stop = free[7]
      let expected = Array(free.prefix { $0 != stop })
      var request = greedy(input, maxTokens: 30)
      request.stop.tokenIDs = [stop]
      let result = try await run(request)
      #expect(result.finals == [.stop] && result.tokens == expected)
      #expect(result.text == LetterDecoder.text(expected))
      #expect(result.usage?.completionTokens == expected.count + 1)

      request.stop.ignoresStopTokens = true
      #expect(try await run(request).tokens == free)
    }
  }

  /// Takes each part of the free output as stop string in turn: many of them span tokens.
  @Test func theTextEndsBeforeAStopString() async throws {
    let engine = try await makeEngine()
    let input = prompt(3, count: 4)
    let free = ScriptedRunner.output(after: input, count: 25)
    let text = LetterDecoder.text(free)
    let characters = Array(text)
    try #require(characters.count > 10)
    for start in 0..<characters.count {
      for length in 1...min(4, characters.count - start) {
        let stop = String(characters[start..<start + length])
        var request = greedy(input, maxTokens: 25)
        request.stop.strings = [stop, "never in it"]
        let result = await Transcript(try engine.generate(request))
        #expect(result.finals == [.stop] && result.text + stop == String(text.prefix(result.text.count + length)))
        #expect(!result.text.contains(stop))
        #expect(result.tokens == Array(free.prefix(result.tokens.count)))
        #expect(result.usage?.completionTokens == result.tokens.count)
      }
    }
    #expect(engine.statistics.heldPages == 0)
    await engine.shutdown()
  }

  @Test func textHeldBackForAStopStringIsDeliveredAtTheEnd() async throws {
    let input = prompt(5, count: 4)
    for count in 1...12 {
      let free = ScriptedRunner.output(after: input, count: count)
      let text = LetterDecoder.text(free)
      var request = greedy(input, maxTokens: count)
      // All of the output and one letter more: everything is held back, and nothing may be lost.
      request.stop.strings = [text + "#"]
      let result = try await run(request)
      #expect(result.text == text && result.finals == [.length] && result.tokens == free)
    }
  }

  @Test func tokensWithoutTextArriveWithTheNextTextOrAtTheEnd() async throws {
    let input = prompt(8, count: 6)
    let result = try await run(greedy(input, maxTokens: 60))
    #expect(result.tokens.contains { $0 > 28 }, "the prompt should lead to tokens without text")
    #expect(result.tokens.count == 60 && result.deltas < 60)
    #expect(result.text == LetterDecoder.text(result.tokens))
  }

  @Test func theContextIsTheLastLimit() async throws {
    let result = try await run(greedy(prompt(1, count: 120), maxTokens: Int.max))
    #expect(result.finals == [.length] && result.tokens.count == 8)
  }

  @Test func logProbabilitiesDescribeTheProcessedLogits() async throws {
    var request = greedy([4, 5, 6], maxTokens: 10)
    request.sampling.topLogprobs = 3
    request.sampling.logitBias = [2: 3, 9: -100]
    request.sampling.presencePenalty = 1.5
    let result = try await run(request)
    #expect(result.logprobs.map(\.token) == result.tokens && result.tokens.count == 10)
    for entry in result.logprobs {
      #expect(entry.top.count == 3 && entry.top[0].token == entry.token && entry.top[0].logprob == entry.logprob)
      #expect(
        entry.logprob < 0 && entry.top[1].logprob <= entry.logprob && entry.top[2].logprob <= entry.top[1].logprob)
      #expect(!entry.top.contains { $0.token == 9 })
    }
    let expected = ScriptedRunner.output(after: [4, 5, 6], count: 10) { row, output in
      row[2] += 3
      row[9] -= 100
      for token in Set(output) { row[Int(token)] -= 1.5 }
    }
    #expect(result.tokens == expected)

    request.sampling.topLogprobs = 0
    let bare = try await run(request)
    #expect(bare.logprobs.count == 10 && bare.logprobs.allSatisfy { $0.top.isEmpty })
  }

  @Test func aSeedDecidesTheOutputAndAFreshOneIsTakenWithoutIt() async throws {
    var request = GenerationRequest(id: "sampled", prompt: [1, 2], maxTokens: 40)
    request.sampling.seed = 7
    let first = try await run(request)
    #expect(try await run(request) == first)
    request.sampling.seed = 8
    #expect(try await run(request).tokens != first.tokens)
    request.sampling.seed = nil
    let (a, b) = (try await run(request), try await run(request))
    #expect(a.tokens != b.tokens)
  }

  @Test func eachTokenIsDrawnWithTheNumberOfItsIndex() async throws {
    var request = GenerationRequest(id: "sampled", prompt: [3, 1, 4], maxTokens: 60)
    request.sampling.temperature = 0.9
    request.sampling.seed = 42
    let draws = (0..<60).map { Draw(temperature: 0.9, uniform: UniformDraws(seed: 42).uniform(at: $0)) }
    #expect(try await run(request).tokens == ScriptedRunner.output(after: [3, 1, 4], count: 60, draws: draws))
  }
}
