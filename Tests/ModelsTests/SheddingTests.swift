import Models
import TestSupport
import Testing

/// A pass that leaves its last sequences out after some half of a layer, and a later one in which they come in there.
@Suite struct SheddingTests {
  private static let prompt: [Int32] = (0..<40).map { 5 + $0 * 7 % 50 }

  private func runner() throws -> SequenceRunner {
    try SequenceRunner(try ModelFiles.open(Fixtures.path("families/qwen3")), kernels: [.swiftFast, .swift], tokens: 64)
  }

  @Test func whatIsShedAndResumedGivesTheSameBitsWhereverItWasCut() throws {
    let first = Array(Self.prompt[..<20]), chunk = Array(Self.prompt[20...])
    // Two that decode, and a prompt of two chunks; each step alone is what is right.
    let alone = try runner()
    _ = try alone.step([.init(tokens: [9, 8, 7], slot: 1)])
    _ = try alone.step([.init(tokens: [4], slot: 2)])
    _ = try alone.step([.init(tokens: first)])
    let tokens = try (3..<5).map { try alone.step([.init(tokens: [11], start: $0, slot: 1)])[0] }
    let others = try (1..<3).map { try alone.step([.init(tokens: [12], start: $0, slot: 2)])[0] }
    let rows = try alone.step([.init(tokens: chunk, start: 20, allRows: true)])
    let layers = alone.decoder.configuration.layerCount
    try #require(layers > 1)
    for half in 1..<2 * layers {
      let runner = try runner()
      _ = try runner.step([
        .init(tokens: [9, 8, 7], slot: 1), .init(tokens: [4], slot: 2), .init(tokens: first),
      ])
      func pieces(_ step: Int) -> [SequenceRunner.Piece] {
        [
          .init(tokens: [11], start: 3 + step, slot: 1), .init(tokens: [12], start: 1 + step, slot: 2),
          .init(tokens: chunk, start: 20, allRows: true),
        ]
      }
      var asked: [Int] = []
      let cut = try runner.step(
        pieces(0),
        shedding: Shedding(kept: 2) { progress in
          asked.append(progress.done)
          #expect(progress.count == 2 * layers && progress.isWhole == (progress.done <= half))
          return progress.done == half
        })
      #expect(asked == Array(1...2 * layers), "asked after each half")
      let shed = try #require(cut.shed)
      #expect(shed.done == half && cut.logits == [tokens[0], others[0]])
      let whole = try runner.step(pieces(1), shedding: Shedding(kept: 2, resumed: shed) { _ in false })
      #expect(whole.shed == nil && whole.logits == [tokens[1], others[1]] + rows, "shed after half \(half)")
    }
  }

  @Test(.enabled(if: Fixtures.defaultModel != nil, "the default model was not fetched"))
  func whatIsShedAfterEveryHalfGivesTheSameBits() throws {
    func runner() throws -> SequenceRunner {
      try SequenceRunner(try ModelFiles.open(Fixtures.defaultModel!), kernels: [.swiftFast, .swift], tokens: 64)
    }
    let whole = try runner(), prompt = SequenceRunner.Piece(tokens: Self.prompt, allRows: true)
    let expected = try whole.step([prompt])
    let layers = whole.decoder.configuration.layerCount
    let runner = try runner()
    var paused: PausedRows?
    for half in 1..<2 * layers {
      let step = try runner.step(
        [.init(tokens: [9], start: half - 1, slot: 1), prompt],
        shedding: Shedding(kept: 1, resumed: paused) { progress in
          #expect(progress.isWhole == (progress.done == half), "whole in one half alone")
          return true
        })
      paused = try #require(step.shed)
      #expect(paused?.done == half)
    }
    let last = try runner.step(
      [.init(tokens: [9], start: 2 * layers - 1, slot: 1), prompt],
      shedding: Shedding(kept: 1, resumed: paused) { _ in false })
    #expect(Array(last.logits.dropFirst()) == expected)
  }

  @Test func aPassThatIsNotLateIsWhole() throws {
    let runner = try runner()
    let pieces = [SequenceRunner.Piece(tokens: [9], slot: 1), .init(tokens: Self.prompt)]
    let whole = try runner.step(pieces)
    let result = try runner.step(pieces, shedding: Shedding(kept: 1) { _ in false })
    #expect(result.shed == nil && result.logits == whole)
  }
}
