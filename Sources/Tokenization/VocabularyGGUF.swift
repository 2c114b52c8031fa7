extension Vocabulary {
  /// From the values of a GGUF file's `tokenizer.ggml.*` keys.
  ///
  /// - Parameters:
  ///   - model: `model`; must be `gpt2`, the name of byte-level BPE.
  ///   - pre: `pre`, the name of the pre-tokenizer.
  ///   - tokens, tokenTypes, merges: the arrays; without types all tokens are normal.
  ///   - bos, eos, unk, pad: `bos_token_id`, `eos_token_id`, `unknown_token_id`, `padding_token_id`.
  ///   - addsBOS, addsEOS, addsSpacePrefix: `add_bos_token`, `add_eos_token`, `add_space_prefix`. Without
  ///     `add_bos_token` Llama 3's pre-tokenizers imply it, as in llama.cpp.
  /// - Throws: ``TokenizerError`` for another model, an unknown pre-tokenizer, a token type or an id out of range.
  public init(
    ggufModel model: String, pre: String?, tokens: [String], tokenTypes: [Int]?, merges: [String],
    bos: Int? = nil, eos: Int? = nil, unk: Int? = nil, pad: Int? = nil,
    addsBOS: Bool? = nil, addsEOS: Bool? = nil, addsSpacePrefix: Bool? = nil
  ) throws(TokenizerError) {
    guard model == "gpt2" else {
      throw .unsupported(key: "tokenizer.ggml.model", found: quoted(model), supported: "\"gpt2\" (byte-level BPE)")
    }
    guard let pre else {
      throw .invalid(place: "tokenizer.ggml.pre", found: "no such key", expected: "one of " + PreTokenizer.ggufNames)
    }
    let preTokenizer = try PreTokenizer(ggufName: pre)
    var kinds = [Kind](repeating: .normal, count: tokens.count)
    if let tokenTypes {
      guard tokenTypes.count == tokens.count else {
        throw .invalid(
          place: "tokenizer.ggml.token_type", found: "\(tokenTypes.count) types",
          expected: "\(tokens.count), one a token")
      }
      for (i, type) in tokenTypes.enumerated() {
        guard let kind = Kind(rawValue: type) else {
          throw .invalid(place: "tokenizer.ggml.token_type[\(i)]", found: "\(type)", expected: "1 to 6")
        }
        kinds[i] = kind
      }
    }
    self.init(tokens: tokens, kinds: kinds, merges: merges, preTokenizer: preTokenizer)
    func checked(_ id: Int?, _ key: String) throws(TokenizerError) -> TokenID? {
      guard let id else { return nil }
      guard id >= 0, id < tokens.count, let token = TokenID(exactly: id) else {
        throw .invalid(place: "tokenizer.ggml." + key, found: "\(id)", expected: "an id below \(tokens.count)")
      }
      return token
    }
    self.bos = try checked(bos, "bos_token_id")
    self.eos = try checked(eos, "eos_token_id")
    self.unk = try checked(unk, "unknown_token_id")
    self.pad = try checked(pad, "padding_token_id")
    self.addsBOS = addsBOS ?? (PreTokenizer.impliesLlama3Rules(ggufName: pre) && bos != nil)
    self.addsEOS = addsEOS ?? false
    self.addsSpacePrefix = addsSpacePrefix ?? false
    ignoresMerges = PreTokenizer.impliesLlama3Rules(ggufName: pre)
  }
}
