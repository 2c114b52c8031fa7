import Generation
import Models
import Paging
import Scheduling
import TestSupport
import Testing

/// Mixed requests on the default model: every logit of every generated token has the same bits as when the request is
/// alone, however requests are batched, chunked, paged, cached, preempted, swapped and guessed ahead.
@Suite(.serialized, .enabled(if: Fixtures.defaultModel != nil, "the default model was not fetched"))
struct InvarianceSuite {
  /// Forty requests: 3 to 40 tokens, four of them 150; every third begins like others; every other is drawn. Every fourth
  /// repeats itself, so that guesses are made.
  private static let requests: [SuiteRequest] = (0..<40).map { number in
    let length = number % 10 == 7 ? 150 : 3 + number * 17 % 38
    let prompt = (0..<length).map { position in
      let group = number % 3 == 0 && position < 32 ? number % 2 : 100 + number
      let place = number % 4 == 1 ? position % 5 : position
      return Int32(1000 + (place * 7919 + group * 104_729) % 40_000)
    }
    return SuiteRequest(prompt: prompt, outputs: 5, temperature: number % 2 == 0 ? 0 : 0.9)
  }

  private static let cuts: [Cut] = [
    Cut(description: "two at a time", maxRunning: 2), Cut(description: "eight at a time", maxRunning: 8),
    Cut(description: "thirty-two at a time, cold then warm", maxRunning: 32, passes: 2),
    Cut(description: "chunks of 7", maxRunning: 4, maxBatchTokens: 7),
    Cut(description: "chunks of 64", maxRunning: 16, maxBatchTokens: 64),
    Cut(description: "chunks of 512", maxRunning: 32, maxBatchTokens: 512, prefixCaching: false),
    Cut(description: "one thread", threads: 1), Cut(description: "pages of one token", pageSize: 1),
    Cut(description: "pages of 64 tokens", maxRunning: 16, pageSize: 64),
    Cut(description: "preempted at every step to compute again", maxRunning: 4, preemption: .recompute),
    Cut(
      description: "preempted at every step, nothing cached", maxRunning: 4, prefixCaching: false,
      preemption: .recompute),
    Cut(description: "swapped at every step", maxRunning: 4, preemption: .swap, secondLevelTokens: 8192),
    Cut(
      description: "swapped at every step, nothing cached, page first", maxRunning: 4, prefixCaching: false,
      preemption: .swap,
      secondLevelTokens: 8192, layout: .pageFirst),
    Cut(
      description: "all that is cached in the second level, cold then warm", maxRunning: 32, evictsCache: true,
      secondLevelTokens: 8192, passes: 2),
    Cut(description: "eight steps at a time", decodeRounds: 8),
    Cut(description: "eight steps and five guesses at a time", decodeRounds: 8, draftTokens: 5),
    Cut(description: "chunks of 16, every other shed", maxBatchTokens: 16, prefixCaching: false, sheds: true),
    Cut(
      description: "chunks of 40, shed and preempted", maxRunning: 16, maxBatchTokens: 40, preemption: .swap,
      secondLevelTokens: 8192, draftTokens: 3, sheds: true),
    Cut(description: "a small pool", maxRunning: 32, poolTokens: 320, secondLevelTokens: 640),
  ]

  @Test("logits and tokens of forty requests are the same bits however the work is cut")
  func everyCut() throws {
    let run = try InvarianceRun(try #require(Fixtures.defaultModel))
    let alone = try run.run(
      Cut(description: "alone", maxRunning: 1, prefixCaching: false), Self.requests)
    #expect(alone.allSatisfy { $0.tokens.count == 5 } && Set(alone.map(\.tokens)).count > 25, "the requests differ")
    for cut in Self.cuts {
      let answers = try run.run(cut, Self.requests, expected: alone)
      for (answer, other) in zip(answers, alone) { #expect(answer.tokens == other.tokens, "\(cut)") }
      // That it was cut as it should have been.
      #expect(cut.preemption == nil || run.preemptions > 30, "\(cut): \(run.preemptions) preemptions")
      #expect(cut.preemption != .swap || run.swaps > 20 && run.loadedPages > 20, "\(cut): \(run.swaps) swaps")
      #expect(!cut.evictsCache || run.loadedPages > 50, "\(cut): \(run.loadedPages) pages came back")
      #expect(cut.passes == 1 || run.hitTokens > 1000, "\(cut): \(run.hitTokens) tokens were found")
      #expect(!cut.sheds || run.shedChunks > 30, "\(cut): \(run.shedChunks) chunks were shed")
      #expect(cut.decodeRounds == 1 || run.rounds > 0, "\(cut)")
    }
  }

  @Test("two hundred requests with five times the pages all finish with the answers they get with room")
  func overcommit() throws {
    let run = try InvarianceRun(try #require(Fixtures.defaultModel))
    let requests = (0..<200).map { number in
      SuiteRequest(
        prompt: (0..<12).map { Int32(500 + ($0 * 7919 + number * 613) % 40_000) }, outputs: 8,
        temperature: number % 2 == 0 ? 0 : 1)
    }
    let expected = try run.run(
      Cut(description: "room for all", maxRunning: 64, pageSize: 4), requests)
    // 200 requests of 20 tokens, 5 pages, are 1000 pages; there are 200.
    let answers = try run.run(
      Cut(
        description: "a fifth of the pages", maxRunning: 200, pageSize: 4, poolTokens: 800, secondLevelTokens: 400,
        decodeRounds: 4), requests)
    #expect(answers.map(\.tokens) == expected.map(\.tokens))
    #expect(run.preemptions > 0)
  }
}
