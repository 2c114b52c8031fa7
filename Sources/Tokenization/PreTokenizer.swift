/// How text is cut into pieces before merging; each case is one published pattern, scanned by hand-written code.
///
/// The patterns, in the notation of `tokenizer.json`, are in ``pattern``.
public enum PreTokenizer: Sendable, Hashable, CaseIterable {
  /// GPT-2: a space belongs to the word after it; contractions, letters, numbers, others.
  case gpt2
  /// GPT-2's with every number character cut out on its own first (StarCoder, SmolLM, Command R).
  case smollm
  /// Llama 3 and cl100k: numbers in threes, newlines with what precedes them, contractions in either case.
  case llama3
  /// Qwen 2 and later: Llama 3's with single digits.
  case qwen2
  /// No cutting: a stretch between added tokens is one piece.
  case none

  /// The regular expression that the scanner implements; nil when there is none (`none`) or when it takes two
  /// (`smollm`: `\p{N}` first, then GPT-2's on what is between).
  public var pattern: String? {
    switch self {
    case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .llama3: Self.modernPattern(digits: #"\p{N}{1,3}"#)
    case .qwen2: Self.modernPattern(digits: #"\p{N}"#)
    case .smollm, .none: nil
    }
  }

  private static func modernPattern(digits: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// From the regular expression of a `Split` in `tokenizer.json`.
  /// - Throws: ``TokenizerError/unsupported(key:found:supported:)`` that quotes an expression no scanner implements.
  public init(pattern: String) throws(TokenizerError) {
    // An equivalent spelling of GPT-2's contractions that tiktoken and others use.
    let contracted = #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    if pattern == contracted {
      self = .gpt2
      return
    }
    guard let match = Self.allCases.first(where: { $0.pattern == pattern }) else {
      throw .unsupported(
        key: "pre_tokenizer: pattern", found: quoted(pattern), supported: "the patterns of GPT-2, Llama 3 and Qwen 2")
    }
    self = match
  }

  private static let byGGUFName: [(names: [String], PreTokenizer)] = [
    (["gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "roberta-bpe"], .gpt2),
    (["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"], .smollm),
    (["llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe", "falcon3"], .llama3),
    (["qwen2", "deepseek-r1-qwen", "stablelm2"], .qwen2),
  ]

  static var ggufNames: String { byGGUFName.flatMap(\.names).map { "\"\($0)\"" }.joined(separator: ", ") }

  /// From the value of `tokenizer.ggml.pre`.
  /// - Throws: ``TokenizerError/unsupported(key:found:supported:)`` that names an unknown one.
  public init(ggufName: String) throws(TokenizerError) {
    guard let match = Self.byGGUFName.first(where: { $0.names.contains(ggufName) }) else {
      throw .unsupported(key: "tokenizer.ggml.pre", found: quoted(ggufName), supported: Self.ggufNames)
    }
    self = match.1
  }

  /// Whether the name stands for Llama 3's tokenizer as a whole: whole pieces before merges, BOS by default.
  static func impliesLlama3Rules(ggufName: String) -> Bool {
    ["llama-bpe", "llama3", "llama-v3", "falcon3"].contains(ggufName)
  }
}
