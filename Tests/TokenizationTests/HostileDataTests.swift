import JSONText
import Testing

@testable import Tokenization

@Suite struct HostileDataTests {
  /// `a`, `b`, `ab`, a control token.
  static func small() -> Vocabulary {
    Vocabulary(
      tokens: ["a", "b", "ab", "<|end|>"], kinds: [.normal, .normal, .normal, .control], merges: ["a b"],
      preTokenizer: .gpt2)
  }

  static func failure(_ change: (inout Vocabulary) -> Void) -> String {
    var vocabulary = small()
    change(&vocabulary)
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary) }
    return error?.description ?? ""
  }

  @Test func aVocabularyThatContradictsItselfIsRefusedByName() {
    #expect(Self.failure { $0.kinds.removeLast() }.contains("3 token kinds"))
    #expect(Self.failure { ($0.tokens, $0.kinds) = ([], []) }.contains("0 tokens"))
    #expect(Self.failure { $0.tokens[1] = "a" }.contains("token 1"))
    #expect(Self.failure { $0.merges = ["a b", "a z"] }.contains("merge 1"))
    #expect(Self.failure { $0.merges = ["b a"] }.contains("\"ba\""))
    for merge in ["", " ", "a", "ab ", " ab", "a b a", "a\tb", "灯 a"] {
      #expect(Self.failure { $0.merges = [merge] }.contains("merge 0"), "\(merge)")
    }
    #expect(Self.failure { $0.eos = 4 }.contains("eos token"))
    #expect(Self.failure { $0.bos = -1 }.contains("bos token"))
    #expect(Self.failure { $0.recognition = [9: .init()] }.contains("id 9"))
    #expect(Self.failure { $0.missingBytes = .unknownToken(fused: false) }.contains("unk token"))
    #expect(Self.failure { $0.tokens[3] = String(repeating: "x", count: 2000) }.contains("2000 bytes"))
    for spelling in ["<0x0>", "<0x00A>", "<0xG0>", "<0x+1>", "0x41", "<0x41", ""] {
      #expect(Self.failure { ($0.tokens[3], $0.kinds[3]) = (spelling, .byte) }.contains("byte token 3"), "\(spelling)")
    }
  }

  @Test func harmlessOdditiesAreTolerated() throws {
    var vocabulary = Self.small()
    vocabulary.tokens += ["", "", "灯", "<|end|>", "<0x63>", "[PAD]", ""]
    vocabulary.kinds += [.normal, .control, .normal, .control, .byte, .unused, .userDefined]
    vocabulary.merges += ["a b"]
    let tokenizer = try Tokenizer(vocabulary)
    #expect(tokenizer.encode("abc<|end|>ba") == [2, 8, 3, 1, 0])
    #expect(tokenizer.decode([6, 8, 4]) == "灯c")
    // Bytes without a token vanish.
    #expect(tokenizer.encode("a灯b\u{0}") == [0, 1])
    #expect(tokenizer.bytes(of: -1) == [] && tokenizer.bytes(of: .max) == [] && !tokenizer.isSpecial(.min))
    #expect(tokenizer.decode([-1, .max, 0]) == "a")
  }

  @Test func mergesNeverMakeAControlToken() throws {
    let vocabulary = Vocabulary(
      tokens: ["<", "x", ">", "<x", "<x>"], kinds: [.normal, .normal, .normal, .normal, .control],
      merges: ["< x", "<x >"], preTokenizer: .none)
    var whole = vocabulary
    whole.ignoresMerges = true
    for vocabulary in [vocabulary, whole] {
      let tokenizer = try Tokenizer(vocabulary)
      #expect(tokenizer.encode("<x>") == [4])
      #expect(tokenizer.encode("<x>", parsesSpecialTokens: false) == [3, 2])
      #expect(tokenizer.encode("<x>", literalRanges: [0..<3]) == [3, 2])
    }
  }

  @Test func ggufValuesAreChecked() throws {
    func make(
      model: String = "gpt2", pre: String? = "gpt-2", types: [Int]? = [1, 1], bos: Int? = nil
    ) throws(TokenizerError) -> Vocabulary {
      try Vocabulary(ggufModel: model, pre: pre, tokens: ["a", "b"], tokenTypes: types, merges: [], bos: bos)
    }
    #expect(try make().kinds == [.normal, .normal])
    #expect(try make(types: nil).kinds == [.normal, .normal])
    #expect(try make(pre: "llama-bpe", bos: 1).addsBOS)
    #expect(try !make(pre: "qwen2", bos: 1).addsBOS)
    #expect(throws: TokenizerError.self) { try make(model: "llama") }
    #expect(throws: TokenizerError.self) { try make(pre: nil) }
    #expect(throws: TokenizerError.self) { try make(pre: "default") }
    #expect(throws: TokenizerError.self) { try make(types: [1]) }
    #expect(throws: TokenizerError.self) { try make(types: [1, 0]) }
    #expect(throws: TokenizerError.self) { try make(bos: 2) }
    #expect(throws: TokenizerError.self) { try make(bos: .max) }
  }

  /// A small valid `tokenizer.json` with members of the document or of `model` replaced.
  static func json(_ changes: [String: String] = [:]) -> [UInt8] {
    var members = [
      "added_tokens": "[]", "normalizer": "null", "decoder": #"{"type": "ByteLevel"}"#, "post_processor": "null",
      "pre_tokenizer": #"{"type": "ByteLevel", "add_prefix_space": false}"#,
    ]
    var model = ["type": #""BPE""#, "vocab": #"{"a": 0, "b": 1, "ab": 2}"#, "merges": #"["a b"]"#]
    for (key, value) in changes {
      if key.hasPrefix("model.") { model[String(key.dropFirst(6))] = value } else { members[key] = value }
    }
    let object = { (members: [String: String]) in
      "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
    }
    if members["model"] == nil { members["model"] = object(model) }
    return Array(object(members).utf8)
  }

  @Test func whatATokenizerFileAsksForAndIsNotDoneIsNamed() throws {
    #expect(try Tokenizer(tokenizerJSON: Self.json(), configuration: nil).encode("abba") == [2, 1, 0])
    let cases = [
      ("model.type", #""Unigram""#), ("model.dropout", "0.1"), ("model.byte_fallback", "true"),
      ("model.continuing_subword_prefix", "\"##\""), ("model.end_of_word_suffix", #""</w>""#),
      ("normalizer", #"{"type": "NFKC"}"#),
      ("normalizer", #"{"type": "Sequence", "normalizers": [{"type": "Prepend"}]}"#),
      ("pre_tokenizer", "null"), ("pre_tokenizer", #"{"type": "Metaspace"}"#),
      ("pre_tokenizer", #"{"type": "Sequence", "pretokenizers": []}"#),
      (
        "pre_tokenizer",
        #"{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\d+"}, "behavior": "Isolated"}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}"#
      ),
      ("post_processor", #"{"type": "BertProcessing"}"#), ("post_processor", #"{"type": "TemplateProcessing"}"#),
      ("decoder", #"{"type": "Metaspace"}"#),
    ]
    for (key, value) in cases {
      let error = #expect(throws: TokenizerError.self, "\(key)") {
        try Tokenizer(tokenizerJSON: Self.json([key: value]), configuration: nil)
      }
      #expect(error?.description.contains(key) == true, "\(key): \(error?.description ?? "")")
    }
  }

  @Test func aMalformedTokenizerFileIsRefused() {
    let cases = [
      ("model.vocab", #"{"a": -1}"#), ("model.vocab", #"{"a": 4611686018427387904}"#), ("model.vocab", #"{"a": 1e3}"#),
      ("model.vocab", #"{"a": 0, "b": 0}"#), ("model.vocab", "[]"), ("model.vocab", "{}"),
      ("model.merges", #"["a c"]"#), ("model.merges", #"[["a"]]"#), ("model.merges", #"[["a", "b", "a"]]"#),
      ("model.merges", "{}"), ("model.merges", #"["ab"]"#), ("model.unk_token", #""none""#), ("model", "3"),
      ("added_tokens", "{}"), ("added_tokens", #"[{"id": 3}]"#), ("added_tokens", #"[{"content": "x"}]"#),
      ("added_tokens", #"[{"id": 0, "content": "x"}]"#), ("added_tokens", #"[{"id": 99999999, "content": "x"}]"#),
      ("added_tokens", #"[{"id": 3, "content": "x", "special": 1}]"#), ("added_tokens", "[4]"),
    ]
    for (key, value) in cases {
      #expect(throws: TokenizerError.self, "\(key): \(value)") {
        try Tokenizer(tokenizerJSON: Self.json([key: value]), configuration: nil)
      }
    }
    for text in ["", "{}", "[]", "{\"model\": {}}", "nonsense"] {
      #expect(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: Array(text.utf8), configuration: nil) }
    }
  }

  @Test func mutatedFilesAreAnsweredAndNeverTrap() throws {
    let original = try Fixture.bytes("tokenizer/qwen2.json")
    var random = SeededGenerator(state: 3), loaded = 0
    for _ in 0..<200 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: at)
        case 2: bytes[at] = UInt8(ascii: "9")
        default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: at)
        }
      }
      guard let tokenizer = try? Tokenizer(tokenizerJSON: bytes, configuration: nil) else { continue }
      loaded += 1
      _ = tokenizer.decode(tokenizer.encode("It's <|bos|> <pad> 123 灯 e\u{323}\u{301}\r\n"))
    }
    #expect(loaded < 200)
  }
}
