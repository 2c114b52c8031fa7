import JSONText
import Testing

@testable import Tokenization

/// Small tokenizers of each form, whose oracle is Hugging Face's tokenizers (`Fixtures/tokenizer/generate_tokenizers.py`).
@Suite struct OracleTests {
  static let names = ["gpt2", "gpt2-prefix-space", "smollm", "llama3", "qwen2", "unknown-token"]

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: Fixture.bytes("tokenizer/\(name).json"), configuration: nil)
  }

  @Test(arguments: names)
  func everyStringHasTheOraclesIDs(name: String) throws {
    let tokenizer = try Self.tokenizer(name)
    let items = try #require(Fixture.json("tokenizer/\(name).expected.json").array)
    #expect(items.count > 250)
    for item in items {
      let text = try #require(item["text"]?.string), ids = try #require(item["ids"]?.tokenIDs)
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
      let plain = item["plain"]?.tokenIDs ?? ids
      #expect(tokenizer.encode(text, parsesSpecialTokens: false) == plain, "plain \(text.debugDescription)")
    }
  }

  @Test(arguments: names)
  func everySequenceDecodesToTheOraclesText(name: String) throws {
    let tokenizer = try Self.tokenizer(name)
    for item in try #require(Fixture.json("tokenizer/\(name).expected.json").array) {
      let ids = try #require(item["ids"]?.tokenIDs)
      let shown = tokenizer.decode(ids), all = tokenizer.decode(ids, skipsSpecialTokens: false)
      #expect(try Array(shown.utf8) == Array(#require(item["decoded"]?.string).utf8))
      #expect(try Array(all.utf8) == Array(#require(item["decoded_all"]?.string).utf8))
    }
  }

  @Test func stagesAreRecognised() throws {
    let expected: [(String, PreTokenizer)] = [
      ("gpt2", .gpt2), ("gpt2-prefix-space", .gpt2), ("smollm", .smollm), ("llama3", .llama3), ("qwen2", .qwen2),
    ]
    for (name, preTokenizer) in expected { #expect(try Self.tokenizer(name).preTokenizer == preTokenizer) }
    let llama = try Self.tokenizer("llama3")
    #expect(llama.addsBOS)
    #expect(llama.bos == llama.id(of: "<|bos|>"))
    #expect(try !Self.tokenizer("gpt2").addsBOS)
  }

  @Test func theConfigurationNamesRolesAndOverridesTheTemplate() throws {
    let bytes = try Fixture.bytes("tokenizer/llama3.json")
    let configuration = try JSONValue(
      parsing:
        #"{"bos_token": {"content": "<|bos|>"}, "eos_token": "<|eos|>", "pad_token": null, "add_bos_token": false}"#)
    let tokenizer = try Tokenizer(tokenizerJSON: bytes, configuration: configuration)
    #expect(tokenizer.bos == tokenizer.id(of: "<|bos|>") && tokenizer.bos != nil)
    #expect(tokenizer.eos == tokenizer.id(of: "<|eos|>") && tokenizer.eos != nil)
    #expect(tokenizer.pad == nil)
    #expect(!tokenizer.addsBOS)
    #expect(throws: TokenizerError.self) {
      try Tokenizer(tokenizerJSON: bytes, configuration: JSONValue(parsing: #"{"bos_token": "<s>"}"#))
    }
  }

  @Test func literalRangesHideOnlyTheSpecialTokensThatOverlapThem() throws {
    let tokenizer = try Self.tokenizer("qwen2")
    let bos = try #require(tokenizer.id(of: "<|bos|>")), tool = try #require(tokenizer.id(of: "<tool>"))
    let text = "<|bos|>é<|bos|><tool><|bos|>"
    let literal = 7..<16  // the second <|bos|>, from é on
    let ids = tokenizer.encode(text, literalRanges: [literal])
    #expect(ids.filter { $0 == bos }.count == 2)
    #expect(ids.first == bos && ids.last == bos)
    #expect(ids.contains(tool))
    // One byte inside is enough, none is not; ranges may be empty, unordered, overlapping, beyond the text.
    #expect(tokenizer.encode("<|bos|>", literalRanges: [3..<4]).contains(bos) == false)
    #expect(tokenizer.encode("<|bos|>", literalRanges: [3..<3, 7..<900]) == [bos])
    #expect(tokenizer.encode("a<|bos|>", literalRanges: [5..<9, -4..<1, 2..<6]).contains(bos) == false)
    // Hiding changes nothing else.
    #expect(tokenizer.encode("it's <tool>", literalRanges: [0..<11]) == tokenizer.encode("it's <tool>"))
  }
}
