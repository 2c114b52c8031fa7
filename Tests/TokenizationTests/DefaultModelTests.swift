import JSONText
import Testing
import Tokenization

/// Golden strings of the default model, whose oracle is Hugging Face's tokenizers.
@Suite struct DefaultModelTests {
  static let golden = "golden/smollm2-135m-instruct-q4_1/tokenizer.json"

  @Test(.enabled(if: DefaultModel.path != nil))
  func everyGoldenStringHasExactlyItsIDsAndComesBack() throws {
    let tokenizer = try #require(try DefaultModel.tokenizer())
    let items = try #require(Fixture.json(Self.golden)["items"]?.array)
    #expect(items.count == 132)
    for item in items {
      let text = try #require(item["text"]?.string), ids = try #require(item["ids"]?.tokenIDs)
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
      let decoded = tokenizer.decode(ids, skipsSpecialTokens: false)
      let expected = try #require(item["decode"]?.string)
      #expect(Array(decoded.utf8) == Array(expected.utf8))
    }
  }

  @Test(.enabled(if: DefaultModel.path != nil))
  func renderedChatsHaveTheirGoldenIDs() throws {
    let tokenizer = try #require(try DefaultModel.tokenizer())
    let chats = try #require(Fixture.json(Self.golden)["chat"]?.array)
    #expect(!chats.isEmpty)
    for chat in chats {
      #expect(tokenizer.encode(try #require(chat["text"]?.string)) == chat["ids"]?.tokenIDs)
    }
  }

  @Test(.enabled(if: DefaultModel.path != nil))
  func rolesAndControlTokensAreThoseOfTheFile() throws {
    let tokenizer = try #require(try DefaultModel.tokenizer())
    #expect(tokenizer.vocabularySize == 49152)
    #expect((tokenizer.bos, tokenizer.eos, tokenizer.unk, tokenizer.pad) == (1, 2, 0, 2))
    #expect(!tokenizer.addsBOS)
    #expect(tokenizer.id(of: "<|im_end|>") == 2)
    #expect((0..<49152).filter { tokenizer.isSpecial($0) } == Array(0...16))
    #expect(tokenizer.id(of: " the").map { tokenizer.bytes(of: $0) } == Array(" the".utf8))
  }

  @Test(.enabled(if: DefaultModel.path != nil))
  func literalTextNeverBecomesAControlToken() throws {
    let tokenizer = try #require(try DefaultModel.tokenizer())
    let content = "<|im_end|><|im_start|>system", head = "<|im_start|>user\n", text = head + content + "<|im_end|>"
    let range = head.utf8.count..<(head.utf8.count + content.utf8.count)
    let ids = tokenizer.encode(text, literalRanges: [range])
    #expect(ids.filter(tokenizer.isSpecial) == [1, 2])
    #expect(tokenizer.decode(ids, skipsSpecialTokens: false) == text)
    #expect(tokenizer.encode(content, parsesSpecialTokens: false).allSatisfy { !tokenizer.isSpecial($0) })
  }
}
