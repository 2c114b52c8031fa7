/// Everything that defines a byte-level BPE tokenizer, as plain data: what the loaders of GGUF and `tokenizer.json`
/// both produce and what ``Tokenizer/init(_:)`` checks.
///
/// Invariant checked by the tokenizer, not here: `kinds.count == tokens.count`, every id below `tokens.count`.
public struct Vocabulary: Sendable {
  /// What a token stands for; the raw values are those of GGUF's `tokenizer.ggml.token_type`.
  public enum Kind: Int, Sendable, Hashable {
    /// Text, spelled in GPT-2's byte alphabet.
    case normal = 1
    /// The stand-in for text that has no token; treated as `control`.
    case unknown = 2
    /// A special token such as `<|im_end|>`, spelled as it is. Never made from text that is parsed as literal.
    case control = 3
    /// An added token that is ordinary text, spelled as it is; recognised in all text.
    case userDefined = 4
    /// A place holder that no text encodes to.
    case unused = 5
    /// One byte, spelled `<0xNN>`.
    case byte = 6
  }

  /// How an added token (control or user-defined) is recognised in text; the fields are those of `added_tokens`.
  public struct Recognition: Sendable, Hashable {
    /// White space before the token belongs to it.
    public var stripsLeft = false
    /// White space after the token belongs to it.
    public var stripsRight = false
    /// Only recognised when no letter, digit or underscore touches it.
    public var singleWord = false
    /// Recognised in the normal form of what the tokens without this leave.
    public var normalized = false

    public init(
      stripsLeft: Bool = false, stripsRight: Bool = false, singleWord: Bool = false, normalized: Bool = false
    ) {
      (self.stripsLeft, self.stripsRight) = (stripsLeft, stripsRight)
      (self.singleWord, self.normalized) = (singleWord, normalized)
    }
  }

  /// What a byte that has no token becomes. (Vocabularies may lack bytes that their training text did not contain.)
  public enum MissingBytes: Sendable, Hashable {
    /// Nothing, and its neighbours may merge: as Hugging Face tokenizers do.
    case skippedBeforeMerging
    /// Nothing, but its neighbours do not merge: as llama.cpp does.
    case skippedAfterMerging
    /// The unknown token; one for a run of such bytes when `fused`.
    case unknownToken(fused: Bool)
  }

  /// A normal form that text is brought into before pre-tokenizing.
  public enum NormalForm: Sendable, Hashable { case none, nfc }

  /// Spellings by id: byte alphabet for `normal` tokens, `<0xNN>` for `byte`, the text itself for the others. A
  /// `normal` token with a character outside the alphabet decodes to its text and is never encoded to; an empty token
  /// decodes to nothing and is never encoded to.
  public var tokens: [String]
  /// One for each token.
  public var kinds: [Kind]
  /// Pairs in order of rank, each two spellings with one space between. The first of two equal pairs counts.
  public var merges: [String]
  /// How text is cut into the pieces that merges stay within.
  public var preTokenizer: PreTokenizer
  /// The roles of single tokens; nil when the model has none.
  public var bos, eos, unk, pad: TokenID?
  /// Whether a prompt starts with `bos`, ends with `eos`.
  public var addsBOS = false, addsEOS = false
  /// Whether a space goes before each stretch of ordinary text that does not begin with one.
  public var addsSpacePrefix = false
  /// Whether a piece that is a token as a whole is taken without merging (Llama 3).
  public var ignoresMerges = false
  public var missingBytes = MissingBytes.skippedAfterMerging
  public var normalForm = NormalForm.none
  /// Only for added tokens that differ from the default.
  public var recognition: [TokenID: Recognition] = [:]

  public init(tokens: [String], kinds: [Kind], merges: [String], preTokenizer: PreTokenizer) {
    (self.tokens, self.kinds, self.merges, self.preTokenizer) = (tokens, kinds, merges, preTokenizer)
  }
}
