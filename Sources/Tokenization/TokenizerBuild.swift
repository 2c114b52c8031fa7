/// The tables of a ``Tokenizer``, made from a vocabulary that is checked on the way.
struct TokenizerBuild {
  private(set) var table = TokenTable()
  private(set) var merges: MergeTable
  private(set) var added: [[UInt8]: TokenID] = [:]
  private(set) var firstMatcher = AddedTokenMatcher([]), secondMatcher = AddedTokenMatcher([])
  private(set) var special: [Bool]
  private(set) var byteIDs = [TokenID](repeating: -1, count: 256)

  init(_ vocabulary: Vocabulary) throws(TokenizerError) {
    let (tokens, kinds) = (vocabulary.tokens, vocabulary.kinds)
    guard !tokens.isEmpty, tokens.count < 1 << 30 else {
      throw .invalid(place: "vocabulary", found: "\(tokens.count) tokens", expected: "between 1 and 2^30")
    }
    guard kinds.count == tokens.count else {
      throw .invalid(place: "vocabulary", found: "\(kinds.count) token kinds", expected: "\(tokens.count), one a token")
    }
    guard vocabulary.merges.count < 1 << 30 else {
      throw .invalid(place: "merges", found: "\(vocabulary.merges.count)", expected: "fewer than 2^30")
    }
    special = kinds.map { $0 == .control || $0 == .unknown }
    merges = MergeTable(capacity: vocabulary.merges.count)
    try Self.checkRoles(vocabulary)
    try appendTokens(vocabulary)
    try enterTokens(vocabulary)
    try enterAdded(vocabulary)
    for (rank, merge) in vocabulary.merges.enumerated() { try enterMerge(merge, rank) }
  }

  private static func checkRoles(_ vocabulary: Vocabulary) throws(TokenizerError) {
    let count = vocabulary.tokens.count
    let roles = [("bos", vocabulary.bos), ("eos", vocabulary.eos), ("unk", vocabulary.unk), ("pad", vocabulary.pad)]
    for (role, id) in roles {
      if let id, id < 0 || id >= count {
        throw .invalid(place: "\(role) token", found: "id \(id)", expected: "an id below \(count)")
      }
    }
    for id in vocabulary.recognition.keys.sorted() where id < 0 || id >= count {
      throw .invalid(place: "added token", found: "id \(id)", expected: "an id below \(count)")
    }
    if case .unknownToken = vocabulary.missingBytes, vocabulary.unk == nil {
      throw .invalid(place: "unk token", found: "none", expected: "one, which bytes without a token become")
    }
  }

  private mutating func appendTokens(_ vocabulary: Vocabulary) throws(TokenizerError) {
    for (i, token) in vocabulary.tokens.enumerated() {
      switch vocabulary.kinds[i] {
      case .normal:
        table.append { bytes in
          Self.withUTF8(token) { if !ByteAlphabet.append($0, to: &bytes) { bytes += $0 } }
        }
      case .byte:
        guard let byte = Self.byte(token) else {
          throw .invalid(place: "byte token \(i)", found: quoted(token), expected: "<0xNN> with two hexadecimal digits")
        }
        table.append { $0.append(byte) }
      case .unknown, .control, .userDefined, .unused: table.append { $0 += token.utf8 }
      }
    }
  }

  private static func withUTF8<R>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    var text = text
    return text.withUTF8(body)
  }

  /// The byte of `<0xNN>`.
  private static func byte(_ token: String) -> UInt8? {
    let text = Array(token.utf8)
    guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">") else { return nil }
    func digit(_ byte: UInt8) -> UInt8? {
      switch byte {
      case 0x30...0x39: byte - 0x30
      case 0x41...0x46, 0x61...0x66: (byte | 0x20) - 0x61 + 10
      default: nil
      }
    }
    guard let high = digit(text[3]), let low = digit(text[4]) else { return nil }
    return high << 4 | low
  }

  /// Makes findable what ordinary text may become: all but control tokens, normal ones first.
  private mutating func enterTokens(_ vocabulary: Vocabulary) throws(TokenizerError) {
    table.reserveSlots()
    for (i, kind) in vocabulary.kinds.enumerated() where kind == .normal {
      let id = TokenID(i), bytes = table.bytes[table.range(of: id)]
      // A token with a character outside the alphabet stands for bytes that other tokens spell.
      if bytes.isEmpty || !Self.isSpelledInAlphabet(vocabulary.tokens[i]) { continue }
      if let other = table.enter(id) {
        throw .invalid(
          place: "token \(i)", found: quoted(vocabulary.tokens[i]) + ", as token \(other)", expected: "each token once")
      }
      if bytes.count == 1, let byte = bytes.first { byteIDs[Int(byte)] = id }
    }
    for (i, kind) in vocabulary.kinds.enumerated() where kind == .userDefined || kind == .unused || kind == .byte {
      let id = TokenID(i), bytes = table.bytes[table.range(of: id)]
      if bytes.isEmpty || table.enter(id) != nil { continue }
      if kind != .unused, bytes.count == 1, let byte = bytes.first { byteIDs[Int(byte)] = id }
    }
  }

  private static func isSpelledInAlphabet(_ token: String) -> Bool {
    token.unicodeScalars.allSatisfy { $0.value < 0x144 && ByteAlphabet.bytes[Int($0.value)] >= 0 }
  }

  /// Of added tokens with equal content the lowest id counts; empty ones are never recognised.
  private mutating func enterAdded(_ vocabulary: Vocabulary) throws(TokenizerError) {
    var entries: [[AddedTokenMatcher.Entry]] = [[], []]
    for (i, kind) in vocabulary.kinds.enumerated() where special[i] || kind == .userDefined {
      let content = Array(table.bytes[table.range(of: TokenID(i))])
      guard content.count <= AddedTokenMatcher.lengthLimit else {
        throw .invalid(
          place: "added token \(i)", found: "\(content.count) bytes",
          expected: "at most \(AddedTokenMatcher.lengthLimit)")
      }
      if content.isEmpty || added[content] != nil { continue }
      added[content] = TokenID(i)
      let recognition = vocabulary.recognition[TokenID(i)] ?? .init()
      entries[recognition.normalized ? 1 : 0].append(
        .init(content: content, id: TokenID(i), isSpecial: special[i], recognition: recognition))
    }
    (firstMatcher, secondMatcher) = (AddedTokenMatcher(entries[0]), AddedTokenMatcher(entries[1]))
  }

  private mutating func enterMerge(_ merge: String, _ rank: Int) throws(TokenizerError) {
    let place = "merge \(rank)"
    var text = merge, left: [UInt8] = [], right: [UInt8] = []
    let isSpelled = text.withUTF8 { bytes in
      guard let space = bytes.firstIndex(of: 0x20), space > 0, space + 1 < bytes.count else { return false }
      return ByteAlphabet.append(UnsafeBufferPointer(rebasing: bytes[..<space]), to: &left)
        && ByteAlphabet.append(UnsafeBufferPointer(rebasing: bytes[(space + 1)...]), to: &right)
    }
    guard isSpelled else {
      throw .invalid(place: place, found: quoted(merge), expected: "two tokens in the byte alphabet, a space between")
    }
    // A merge of control tokens, or into one, would turn ordinary text into control tokens: it is left out.
    guard let leftID = try id(of: left, place, merge), let rightID = try id(of: right, place, merge),
      let merged = try id(of: left + right, place, merge)
    else { return }
    merges.insert(leftID, rightID, rank: rank, merged: merged)
  }

  /// The token of these bytes; nil when only a control token has them.
  private func id(of bytes: [UInt8], _ place: String, _ merge: String) throws(TokenizerError) -> TokenID? {
    if let id = bytes.withUnsafeBufferPointer({ table.id(of: $0) }) { return id }
    if added[bytes] != nil { return nil }
    let spelling = String(String.UnicodeScalarView(bytes.compactMap { Unicode.Scalar(ByteAlphabet.scalars[Int($0)]) }))
    throw .invalid(
      place: place, found: quoted(merge) + ", but there is no token " + quoted(spelling),
      expected: "both tokens and their union in the vocabulary")
  }
}
