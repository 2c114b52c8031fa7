import Models
import TestSupport
import Testing

/// A pass that leaves its last sequences behind between two halves of layers, and a later one in which they go on there.
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
      var asked: [PassProgress] = []
      let cut = try runner.step(
        pieces(0),
        shedding: Shedding(kept: 2, isTogether: true) { progress in
          asked.append(progress)
          return progress.part == .together && progress.done < half ? progress.rows : 0
        })
      let both = (1...2 * layers).map {
        PassProgress($0 <= half ? .together : .kept, done: $0, of: 2 * layers, rows: 20)
      }
      #expect(asked == both + [PassProgress(.others, done: half, of: 2 * layers, rows: 20)])
      let shed = try #require(cut.shed)
      #expect(shed.done == half && shed.ahead == 0 && cut.logits == [tokens[0], others[0]])
      let whole = try runner.step(
        pieces(1), shedding: Shedding(kept: 2, isTogether: false, resumed: shed) { $0.rows })
      #expect(whole.shed == nil && whole.logits == [tokens[1], others[1]] + rows, "shed after half \(half)")
    }
  }

  /// Two prompts behind one that decodes, a few rows further in each step, across the border between them.
  @Test(arguments: [1, 3, 7, 16]) func rowsMayBeAheadOfOthers(count: Int) throws {
    let two = Array(Self.prompt[..<17]),
      decoding = { (step: Int) in
        SequenceRunner.Piece(tokens: [9], start: step, slot: 1)
      }
    let prompts: [SequenceRunner.Piece] = [
      .init(tokens: Array(two[..<9]), slot: 0, allRows: true), .init(tokens: Array(two[9...]), slot: 2, allRows: true),
    ]
    let alone = try runner(), expected = try alone.step(prompts)
    let runner = try runner(), halves = 2 * alone.decoder.configuration.layerCount
    var paused: PausedRows?, steps = 0
    while true {
      var grants = 2
      let step = try runner.step(
        [decoding(steps)] + prompts,
        shedding: Shedding(kept: 1, isTogether: false, resumed: paused) { progress in
          if progress.part == .others { grants -= 1 }
          return grants < 0 ? 0 : count
        })
      let undisturbed = try alone.step([decoding(steps)])[0]
      #expect(step.logits[0] == undisturbed, "those who decode notice nothing")
      steps += 1
      guard let shed = step.shed else {
        #expect(Array(step.logits.dropFirst()) == expected)
        break
      }
      #expect((shed.done, shed.ahead) > (paused?.done ?? 0, paused?.ahead ?? 0) && shed.ahead < 17)
      paused = shed
    }
    #expect(steps >= halves * (17 / count) / 2)
  }

  /// When those who decode have come to their end, the others go on alone.
  @Test func thoseThatWereShedGoOnAlone() throws {
    let prompt = SequenceRunner.Piece(tokens: Self.prompt, allRows: true)
    let expected = try runner().step([prompt])
    let runner = try runner()
    var rooms = [40, 13, 0]
    let cut = try runner.step(
      [.init(tokens: [9], slot: 1), prompt],
      shedding: Shedding(kept: 1, isTogether: false) { $0.part == .kept ? 0 : rooms.removeFirst() })
    let shed = try #require(cut.shed)
    #expect(shed.done == 1 && shed.ahead == 13)
    let rest = try runner.step([prompt], shedding: Shedding(kept: 0, isTogether: false, resumed: shed) { $0.rows })
    #expect(rest.shed == nil && rest.logits == expected)
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
        shedding: Shedding(kept: 1, isTogether: half == 1, resumed: paused) { progress in
          progress.part == .others && progress.done < half ? progress.rows : 0
        })
      paused = step.shed
      #expect(paused?.done == half)
    }
    let last = try runner.step(
      [.init(tokens: [9], start: 2 * layers - 1, slot: 1), prompt],
      shedding: Shedding(kept: 1, isTogether: false, resumed: paused) { $0.rows })
    #expect(Array(last.logits.dropFirst()) == expected)
  }

  @Test func aPassThatIsNotLateIsWhole() throws {
    let runner = try runner()
    let pieces = [SequenceRunner.Piece(tokens: [9], slot: 1), .init(tokens: Self.prompt)]
    let whole = try runner.step(pieces)
    for isTogether in [true, false] {
      let result = try runner.step(pieces, shedding: Shedding(kept: 1, isTogether: isTogether) { $0.rows })
      #expect(result.shed == nil && result.logits == whole)
    }
  }
}
