import JSONText

/// The stages around the model in `tokenizer.json`, recognised among the forms that byte-level BPE tokenizers use.
struct TokenizerStages {
  private(set) var normalForm = Vocabulary.NormalForm.none
  private(set) var preTokenizer = PreTokenizer.none
  private(set) var addsSpacePrefix = false
  /// The special tokens that `post_processor` puts before and after a single text.
  private(set) var prefixToken: String?, suffixToken: String?

  init(_ file: TokenizerFile) throws(TokenizerError) {
    for stage in Self.flattened(file.stages["normalizer"], "normalizers") {
      guard stage["type"]?.string == "NFC" else { throw Self.unsupported("normalizer", stage, "null, NFC") }
      normalForm = .nfc
    }
    try readPreTokenizer(Self.flattened(file.stages["pre_tokenizer"], "pretokenizers"))
    for stage in Self.flattened(file.stages["post_processor"], "processors") {
      switch stage["type"]?.string {
      case "ByteLevel": break
      case "TemplateProcessing": try readTemplate(stage)
      default: throw Self.unsupported("post_processor", stage, "ByteLevel, TemplateProcessing")
      }
    }
    for stage in Self.flattened(file.stages["decoder"], "decoders") where stage["type"]?.string != "ByteLevel" {
      throw Self.unsupported("decoder", stage, "ByteLevel")
    }
  }

  private static func unsupported(_ key: String, _ stage: JSONValue, _ supported: String) -> TokenizerError {
    .unsupported(key: key, found: String(stage.compact.prefix(300)), supported: supported)
  }

  /// A stage as a list: none for null, the members of a `Sequence`, or itself.
  private static func flattened(_ stage: JSONValue?, _ members: String) -> [JSONValue] {
    // Depth is bounded by the JSON reader.
    guard let stage, !stage.isNull else { return [] }
    guard stage["type"]?.string == "Sequence", let list = stage[members]?.array else { return [stage] }
    return list.flatMap { flattened($0, members) }
  }

  private mutating func readPreTokenizer(_ stages: [JSONValue]) throws(TokenizerError) {
    let supported = "ByteLevel alone, after Digits with individual_digits, or after a Split by a known pattern"
    guard let last = stages.last, last["type"]?.string == "ByteLevel", stages.count <= 2 else {
      throw Self.unsupported("pre_tokenizer", .array(stages), supported)
    }
    // Members that are left out have these defaults.
    let usesPattern = last["use_regex"]?.bool ?? true
    addsSpacePrefix = last["add_prefix_space"]?.bool ?? true
    if stages.count == 1 {
      preTokenizer = usesPattern ? .gpt2 : .none
      return
    }
    if addsSpacePrefix {
      throw Self.unsupported("pre_tokenizer", last, "add_prefix_space false after another pre-tokenizer")
    }
    let first = stages[0]
    switch first["type"]?.string {
    case "Digits" where first["individual_digits"]?.bool == true && usesPattern: preTokenizer = .smollm
    case "Split" where first["behavior"]?.string == "Isolated" && first["invert"]?.bool != true && !usesPattern:
      guard let pattern = first["pattern"]?["Regex"]?.string else {
        throw Self.unsupported("pre_tokenizer", first, "a pattern that is a Regex")
      }
      preTokenizer = try PreTokenizer(pattern: pattern)
    default: throw Self.unsupported("pre_tokenizer", .array(stages), supported)
    }
  }

  /// `single` is a list of `{"SpecialToken": {"id": name}}` and one `{"Sequence": …}`.
  private mutating func readTemplate(_ stage: JSONValue) throws(TokenizerError) {
    let parts = stage["single"]?.array ?? []
    guard let text = parts.firstIndex(where: { $0["Sequence"] != nil }), text <= 1, parts.count - text <= 2 else {
      throw Self.unsupported("post_processor", stage, "a single text with at most one special token on each side")
    }
    func name(_ part: JSONValue) throws(TokenizerError) -> String {
      guard let name = part["SpecialToken"]?["id"]?.string else {
        throw Self.unsupported("post_processor", part, "SpecialToken")
      }
      return name
    }
    if text == 1 { prefixToken = try name(parts[0]) }
    if text + 1 < parts.count { suffixToken = try name(parts[text + 1]) }
  }
}
