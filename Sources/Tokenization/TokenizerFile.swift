import JSONText

/// What `tokenizer.json` says, read in one pass: the large parts (vocabulary, merges) without a tree, the others as one.
struct TokenizerFile {
  private(set) var vocabulary: [(token: String, id: Int)] = []
  /// "left right" each.
  private(set) var merges: [String] = []
  /// The scalar members of `model`.
  private(set) var model = JSONObject()
  private(set) var addedTokens: [JSONValue] = []
  /// `normalizer`, `pre_tokenizer`, `post_processor`, `decoder`.
  private(set) var stages = JSONObject()

  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) {
    var reader = JSONReader(bytes), hasModel = false
    var file = TokenizerFile()
    try reader.readObject { reader, key throws(JSONError) in
      switch key {
      case "model":
        hasModel = true
        try file.readModel(&reader)
      case "added_tokens":
        let value = try reader.readValue()
        guard let tokens = value.array else { throw reader.error("added_tokens is \(value.kind), expected an array") }
        file.addedTokens = tokens
      case "normalizer", "pre_tokenizer", "post_processor", "decoder": file.stages[key] = try reader.readValue()
      default: try reader.skip()
      }
    }
    try reader.expectEnd()
    if !hasModel { throw reader.error("there is no \"model\"") }
    self = file
  }

  private init() {}

  private mutating func readModel(_ reader: inout JSONReader) throws(JSONError) {
    var file = self
    try reader.readObject { reader, key throws(JSONError) in
      switch key {
      case "vocab" where try reader.peek() == .object:
        file.vocabulary = []
        try reader.readObject { reader, token throws(JSONError) in
          file.vocabulary.append((token, try reader.readInt()))
        }
      case "merges":
        file.merges = []
        try reader.readArray { reader throws(JSONError) in file.merges.append(try Self.readMerge(&reader)) }
      case "vocab": try reader.skip()  // a list is another type of model, which `type` names
      default: file.model[key] = try reader.readValue()
      }
    }
    self = file
  }

  /// A merge: "left right" or ["left", "right"].
  private static func readMerge(_ reader: inout JSONReader) throws(JSONError) -> String {
    if try reader.peek() == .string { return try reader.readString() }
    var parts: [String] = []
    try reader.readArray { reader throws(JSONError) in parts.append(try reader.readString()) }
    guard parts.count == 2, !parts.contains(where: { $0.utf8.contains(0x20) }) else {
      throw reader.error("a merge has two parts without spaces, found \(parts.count)")
    }
    return parts[0] + " " + parts[1]
  }

  /// Fails unless the model is byte-level BPE without the variations that this module does not do.
  func checkModel() throws(TokenizerError) {
    // Old files do not name the type of a BPE model.
    if let type = model["type"], type.string != "BPE" {
      throw .unsupported(key: "model.type", found: type.compact, supported: "\"BPE\"")
    }
    for key in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] {
      guard let value = model[key], !value.isNull, value.string != "", value.double != 0 else { continue }
      throw .unsupported(key: "model." + key, found: value.compact, supported: "null")
    }
    if model["byte_fallback"]?.bool == true {
      throw .unsupported(key: "model.byte_fallback", found: "true", supported: "false (byte-level BPE)")
    }
  }

  /// Tokens by id: those of the model, then the added ones.
  func entries() throws(TokenizerError) -> (
    tokens: [String], kinds: [Vocabulary.Kind], recognition: [TokenID: Vocabulary.Recognition]
  ) {
    let added = try addedTokens.enumerated().map { (i, value) throws(TokenizerError) in try AddedToken(value, index: i)
    }
    let highest = max(vocabulary.lazy.map(\.id).max() ?? -1, added.lazy.map(\.id).max() ?? -1)
    // Ids may leave gaps, but not so many that a small file takes a lot of memory.
    let bound = 4 * (vocabulary.count + added.count) + 65536
    guard highest < bound else {
      throw .invalid(
        place: "vocabulary", found: "the id \(highest) among \(vocabulary.count + added.count) tokens",
        expected: "ids below \(bound)")
    }
    var tokens = [String](repeating: "", count: highest + 1)
    var kinds = [Vocabulary.Kind](repeating: .unused, count: highest + 1)
    for (token, id) in vocabulary {
      guard id >= 0 else { throw .invalid(place: "model.vocab", found: "the id \(id)", expected: "no negative id") }
      if kinds[id] == .normal {
        throw .invalid(
          place: "model.vocab", found: "\(quoted(tokens[id])) and \(quoted(token)) with the id \(id)",
          expected: "one token an id")
      }
      (tokens[id], kinds[id]) = (token, .normal)
    }
    var recognition: [TokenID: Vocabulary.Recognition] = [:]
    for token in added {
      if kinds[token.id] != .unused, !tokens[token.id].utf8.elementsEqual(token.content.utf8) {
        throw .invalid(
          place: "added_tokens",
          found: "\(quoted(token.content)) with the id \(token.id) of \(quoted(tokens[token.id]))",
          expected: "one token an id")
      }
      (tokens[token.id], kinds[token.id]) = (token.content, token.isSpecial ? .control : .userDefined)
      if token.recognition != .init() { recognition[TokenID(token.id)] = token.recognition }
    }
    return (tokens, kinds, recognition)
  }
}

/// An element of `added_tokens`.
private struct AddedToken {
  let id: Int
  let content: String
  let isSpecial: Bool
  let recognition: Vocabulary.Recognition

  init(_ value: JSONValue, index: Int) throws(TokenizerError) {
    let place = "added_tokens[\(index)]"
    guard let id = value["id"]?.int, id >= 0 else {
      throw .invalid(place: place + ".id", found: value["id"]?.compact ?? "nothing", expected: "an id")
    }
    guard let content = value["content"]?.string else {
      throw .invalid(place: place + ".content", found: value["content"]?.kind ?? "nothing", expected: "a string")
    }
    func flag(_ key: String) throws(TokenizerError) -> Bool {
      guard let flag = value[key] else { return false }
      guard let bool = flag.bool else {
        throw .invalid(place: "\(place).\(key)", found: flag.kind, expected: "true or false")
      }
      return bool
    }
    (self.id, self.content, isSpecial) = (id, content, try flag("special"))
    recognition = Vocabulary.Recognition(
      stripsLeft: try flag("lstrip"), stripsRight: try flag("rstrip"), singleWord: try flag("single_word"),
      normalized: try flag("normalized"))
  }
}
