import Testing

@testable import Tokenization

@Suite struct DetokenizerTests {
  @Test(arguments: OracleTests.names)
  func appendsAndFinishJoinToTheDecodingOfTheWhole(name: String) throws {
    let tokenizer = try OracleTests.tokenizer(name)
    var random = SeededGenerator(state: 2)
    // Many single bytes, so that characters come out complete, cut and broken.
    let bytes = (0..<256).compactMap { byte in
      (0..<TokenID(tokenizer.vocabularySize)).first { tokenizer.bytes(of: $0) == [UInt8(byte)] }
    }
    for round in 0..<2000 {
      let skips = round % 2 == 0
      var detokenizer = IncrementalDetokenizer(tokenizer, skipsSpecialTokens: skips)
      var ids: [TokenID] = [], output: [UInt8] = []
      for _ in 0..<Int.random(in: 0...30, using: &random) {
        let any = TokenID.random(in: -2...TokenID(tokenizer.vocabularySize + 2), using: &random)
        let id = Bool.random(using: &random) ? any : bytes.randomElement(using: &random) ?? any
        ids.append(id)
        output += detokenizer.append(id).utf8
      }
      output += detokenizer.finish().utf8
      #expect(output == Array(tokenizer.decode(ids, skipsSpecialTokens: skips).utf8), "\(ids)")
    }
  }

  @Test func aCharacterComesOutWithItsLastByte() throws {
    let tokenizer = try OracleTests.tokenizer("gpt2")
    var detokenizer = IncrementalDetokenizer(tokenizer, skipsSpecialTokens: true)
    var outputs: [String] = []
    for byte in "é灯🙂".utf8 {
      let id = try #require((0..<TokenID(tokenizer.vocabularySize)).first { tokenizer.bytes(of: $0) == [byte] })
      outputs.append(detokenizer.append(id))
    }
    #expect(outputs == ["", "é", "", "", "灯", "", "", "", "🙂"])
    #expect(detokenizer.finish() == "")
  }

  @Test func anIncompleteEndIsHeldAndFlushedAsAReplacement() throws {
    let tokenizer = try OracleTests.tokenizer("gpt2")
    var detokenizer = IncrementalDetokenizer(tokenizer, skipsSpecialTokens: true)
    let lead = try #require((0..<TokenID(tokenizer.vocabularySize)).first { tokenizer.bytes(of: $0) == [0xE7] })
    #expect(detokenizer.append(lead) == "")
    #expect(detokenizer.finish() == "\u{FFFD}")
    #expect(detokenizer.finish() == "")
  }

  @Test func onlyBeginningsOfCharactersAreHeld() {
    let cases: [([UInt8], Int)] = [
      ([], 0), ([0x41], 0), ([0xC3], 1), ([0xC3, 0xA9], 0), ([0xE7, 0x81], 2), ([0xF0, 0x9F, 0x99], 3), ([0xC0], 0),
      ([0xF5], 0), ([0xE0, 0x80], 0), ([0xED, 0xA0], 0), ([0xF4, 0x90], 0), ([0x80], 0), ([0x80, 0x80, 0x80], 0),
      ([0xE7, 0x81, 0xAF, 0x80], 0), ([0x41, 0xF0], 1),
    ]
    for (bytes, held) in cases { #expect(IncrementalDetokenizer.incompleteTail(of: bytes) == held, "\(bytes)") }
  }
}
