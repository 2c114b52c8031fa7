import JSONText

extension Tokenizer {
  /// From Hugging Face's `tokenizer.json`.
  ///
  /// - Parameters:
  ///   - tokenizerJSON: the file's bytes.
  ///   - configuration: `tokenizer_config.json`, for `bos_token`, `eos_token`, `unk_token`, `pad_token`,
  ///     `add_bos_token` and `add_eos_token`. Where it does not say whether BOS and EOS are added, the file's
  ///     `post_processor` does.
  /// - Throws: ``TokenizerError`` when the file is malformed, contradicts itself, or is not byte-level BPE with one of
  ///   the pre-tokenizers of ``PreTokenizer``.
  public convenience init(tokenizerJSON: [UInt8], configuration: JSONValue?) throws(TokenizerError) {
    try self.init(Vocabulary(tokenizerJSON: tokenizerJSON, configuration: configuration))
  }
}

extension Vocabulary {
  /// From Hugging Face's `tokenizer.json`; see ``Tokenizer/init(tokenizerJSON:configuration:)``.
  public init(tokenizerJSON: [UInt8], configuration: JSONValue?) throws(TokenizerError) {
    let file: TokenizerFile
    do {
      file = try tokenizerJSON.withUnsafeBufferPointer { bytes throws(JSONError) in try TokenizerFile(bytes) }
    } catch {
      throw .json(error)
    }
    try file.checkModel()
    let stages = try TokenizerStages(file)
    let entries = try file.entries()
    self.init(tokens: entries.tokens, kinds: entries.kinds, merges: file.merges, preTokenizer: stages.preTokenizer)
    (recognition, normalForm) = (entries.recognition, stages.normalForm)
    (addsSpacePrefix, ignoresMerges) = (stages.addsSpacePrefix, file.model["ignore_merges"]?.bool ?? false)
    try setRoles(file, stages, configuration)
  }

  private mutating func setRoles(
    _ file: TokenizerFile, _ stages: TokenizerStages, _ configuration: JSONValue?
  ) throws(TokenizerError) {
    var ids: [[UInt8]: TokenID] = [:]
    for (i, token) in tokens.enumerated() where kinds[i] != .unused { ids[Array(token.utf8)] = TokenID(i) }
    func id(named name: String, _ place: String) throws(TokenizerError) -> TokenID {
      guard let id = ids[Array(name.utf8)] else {
        throw .invalid(place: place, found: quoted(name), expected: "a token of the vocabulary")
      }
      return id
    }
    /// A role's token: a string, or an object with its `content`.
    func role(_ key: String) throws(TokenizerError) -> TokenID? {
      guard let value = configuration?[key], !value.isNull else { return nil }
      guard let name = value.string ?? value["content"]?.string else {
        throw .invalid(
          place: "tokenizer_config.json: \(key)", found: value.kind, expected: "a string or an added token")
      }
      return try id(named: name, "tokenizer_config.json: \(key)")
    }
    bos = try role("bos_token")
    eos = try role("eos_token")
    unk = try role("unk_token")
    pad = try role("pad_token")
    missingBytes = .skippedBeforeMerging
    if let name = file.model["unk_token"]?.string {
      unk = try id(named: name, "model.unk_token")
      missingBytes = .unknownToken(fused: file.model["fuse_unk"]?.bool ?? false)
    }
    if let name = stages.prefixToken, bos == nil { bos = try id(named: name, "post_processor") }
    if let name = stages.suffixToken, eos == nil { eos = try id(named: name, "post_processor") }
    addsBOS = configuration?["add_bos_token"]?.bool ?? (stages.prefixToken != nil)
    addsEOS = configuration?["add_eos_token"]?.bool ?? (stages.suffixToken != nil)
  }
}
