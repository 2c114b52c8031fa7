/// Byte-level BPE: text to token ids and back.
///
///     let tokenizer = try Tokenizer(vocabulary)
///     let ids = tokenizer.encode("The capital of France is")
///     tokenizer.decode(ids)                                    // "The capital of France is"
///
/// Encoding: added tokens are cut out, what is between them is brought into the normal form and cut into pieces
/// (``PreTokenizer``), and the bytes of each piece are merged pair by pair, the pair of the lowest rank first. It takes O(n log n) time whatever the text.
/// No BOS or EOS is added: that is for the caller, by `addsBOS` and `addsEOS`.
public final class Tokenizer: Sendable {
  /// Number of ids, unused ones included.
  public let vocabularySize: Int
  /// The tokens of these roles; nil when the model has none.
  public let bos, eos, unk, pad: TokenID?
  /// Whether a prompt is to start with `bos` (which then is not nil), to end with `eos`.
  public let addsBOS: Bool, addsEOS: Bool
  /// How text is cut before merging.
  public let preTokenizer: PreTokenizer

  /// All tokens by id; findable are those that ordinary text may become.
  let table: TokenTable
  let merges: MergeTable
  /// Ids of control and user-defined tokens by content.
  let added: [[UInt8]: TokenID]
  /// The added tokens that are recognised in the text as it is, and those in its normal form.
  private let firstMatcher, secondMatcher: AddedTokenMatcher
  private let special: [Bool]
  /// The token of each byte, or -1.
  private let byteIDs: [TokenID]
  private let addsSpacePrefix: Bool, ignoresMerges: Bool
  private let missingBytes: Vocabulary.MissingBytes
  /// Whether pieces may come out of merging with -1 in them.
  private let hasMissingBytes: Bool
  private let normalForm: Vocabulary.NormalForm

  /// - Throws: ``TokenizerError/invalid(place:found:expected:)`` when the vocabulary contradicts itself: counts that
  ///   disagree, ids out of range, two normal tokens of the same bytes, a malformed byte token, a merge of unknown tokens.
  public init(_ vocabulary: Vocabulary) throws(TokenizerError) {
    let build = try TokenizerBuild(vocabulary)
    (table, merges, added) = (build.table, build.merges, build.added)
    (firstMatcher, secondMatcher) = (build.firstMatcher, build.secondMatcher)
    (special, byteIDs) = (build.special, build.byteIDs)
    vocabularySize = vocabulary.tokens.count
    (bos, eos, unk, pad) = (vocabulary.bos, vocabulary.eos, vocabulary.unk, vocabulary.pad)
    addsBOS = vocabulary.addsBOS && vocabulary.bos != nil
    addsEOS = vocabulary.addsEOS && vocabulary.eos != nil
    preTokenizer = vocabulary.preTokenizer
    (addsSpacePrefix, ignoresMerges) = (vocabulary.addsSpacePrefix, vocabulary.ignoresMerges)
    (missingBytes, normalForm) = (vocabulary.missingBytes, vocabulary.normalForm)
    hasMissingBytes = missingBytes != .skippedBeforeMerging && byteIDs.contains(-1)
  }

  // MARK: encoding

  /// The ids of a text. Any text is accepted; bytes without a token become what ``Vocabulary/MissingBytes`` says.
  ///
  /// - Parameters:
  ///   - parsesSpecialTokens: whether control tokens spelled out in the text become those tokens. User-defined tokens,
  ///     which are ordinary text, do so always.
  ///   - literalRanges: UTF-8 byte ranges of `text` in which control tokens are not recognised (what a chat's
  ///     participants wrote): a control token that overlaps one is ordinary text. Otherwise they change nothing: pieces
  ///     are cut as in one text. Parts outside the text are ignored.
  public func encode(
    _ text: String, parsesSpecialTokens: Bool = true, literalRanges: [Range<Int>] = []
  ) -> [TokenID] {
    var text = text
    return text.withUTF8 { bytes in
      UnicodeClasses.standard.withTable { classes in
        merges.withLookup { lookup in
          byteIDs.withUnsafeBufferPointer { byteIDs in
            var encoding = Encoding(
              merger: WordMerger(lookup), classes: classes, byteIDs: byteIDs.baseAddress!, output: [])
            encoding.output.reserveCapacity(bytes.count / 4 + 8)
            let literal = LiteralRanges(literalRanges)
            let segments = firstMatcher.segments(of: bytes, in: 0..<bytes.count, classes: classes) { entry, range in
              !entry.isSpecial || (parsesSpecialTokens && !literal.overlaps(range))
            }
            for segment in segments {
              if let id = segment.id {
                encoding.output.append(id)
              } else {
                encode(bytes, segment.range, parsesSpecialTokens ? literal : nil, &encoding)
              }
            }
            return encoding.output
          }
        }
      }
    }
  }

  /// What one call of `encode` works with.
  private struct Encoding: ~Copyable {
    var merger: WordMerger
    let classes: UnicodeClasses.Table
    let byteIDs: UnsafePointer<TokenID>
    var output: [TokenID]
  }

  /// What the first matcher left of a text: brings it into the normal form and looks for the tokens that are recognised
  /// in that.
  ///
  /// - Parameter literal: where control tokens are not recognised; nil when that is everywhere.
  private func encode(
    _ whole: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ literal: LiteralRanges?, _ encoding: inout Encoding
  ) {
    let text = UnsafeBufferPointer(rebasing: whole[range])
    guard normalForm == .nfc, let normal = Normalization.nfc(text, classes: encoding.classes) else {
      encodeNormal(text, &encoding) { match in
        literal?.overlaps(match.lowerBound + range.lowerBound..<match.upperBound + range.lowerBound) == false
      }
      return
    }
    // Positions have moved: any literal text in the range hides all control tokens of it.
    let mayParse = literal?.overlaps(range) == false
    normal.withUnsafeBufferPointer { normal in encodeNormal(normal, &encoding) { _ in mayParse } }
  }

  private func encodeNormal(
    _ text: UnsafeBufferPointer<UInt8>, _ encoding: inout Encoding, mayBeSpecial: (Range<Int>) -> Bool
  ) {
    if secondMatcher.isEmpty {
      encodeOrdinary(text, &encoding)
      return
    }
    let segments = secondMatcher.segments(of: text, in: 0..<text.count, classes: encoding.classes) { entry, range in
      !entry.isSpecial || mayBeSpecial(range)
    }
    for segment in segments {
      if let id = segment.id {
        encoding.output.append(id)
      } else {
        encodeOrdinary(UnsafeBufferPointer(rebasing: text[segment.range]), &encoding)
      }
    }
  }

  /// Ordinary text between added tokens.
  private func encodeOrdinary(_ text: UnsafeBufferPointer<UInt8>, _ encoding: inout Encoding) {
    if addsSpacePrefix, text.first != 0x20 {
      ([0x20] + text).withUnsafeBufferPointer { encodePieces($0, &encoding) }
    } else {
      encodePieces(text, &encoding)
    }
  }

  private func encodePieces(_ text: UnsafeBufferPointer<UInt8>, _ encoding: inout Encoding) {
    guard let base = text.baseAddress else { return }
    let scanner = PieceScanner(text: base, end: text.count, classes: encoding.classes, rule: preTokenizer)
    // Positions within a piece must fit 32 bits.
    let pieceLimit = 1 << 30
    let skipsMissing = missingBytes == .skippedBeforeMerging
    var start = 0
    while start < text.count {
      let end = min(scanner.endOfPiece(at: start), start + pieceLimit)
      let piece = UnsafeBufferPointer(start: base + start, count: end - start)
      start = end
      if ignoresMerges, let id = table.id(of: piece) {
        encoding.output.append(id)
        continue
      }
      let before = encoding.output.count
      encoding.merger.encode(piece, byteIDs: encoding.byteIDs, skipsMissing: skipsMissing, to: &encoding.output)
      if hasMissingBytes { replaceMissing(from: before, in: &encoding.output) }
    }
  }

  /// Puts the unknown token, or nothing, for each -1 from `start` on.
  private func replaceMissing(from start: Int, in output: inout [TokenID]) {
    guard output[start...].contains(-1) else { return }
    var kept = start, wasMissing = false
    for i in start..<output.count {
      let isMissing = output[i] < 0
      var id: TokenID? = output[i]
      if isMissing {
        if case .unknownToken(let fused) = missingBytes, let unk {
          id = fused && wasMissing ? nil : unk
        } else {
          id = nil
        }
      }
      wasMissing = isMissing
      if let id {
        output[kept] = id
        kept += 1
      }
    }
    output.removeLast(output.count - kept)
  }

  // MARK: decoding

  /// The text of a sequence of ids. Bytes that are not UTF-8 become U+FFFD; ids out of range are skipped.
  public func decode(_ ids: [TokenID], skipsSpecialTokens: Bool = true) -> String {
    var bytes: [UInt8] = []
    for id in ids { appendBytes(of: id, skipsSpecialTokens: skipsSpecialTokens, to: &bytes) }
    return String(decoding: bytes, as: UTF8.self)
  }

  func appendBytes(of id: TokenID, skipsSpecialTokens: Bool, to bytes: inout [UInt8]) {
    guard id >= 0, id < vocabularySize, !(skipsSpecialTokens && special[Int(id)]) else { return }
    bytes += table.bytes[table.range(of: id)]
  }

  /// The bytes that a token stands for, perhaps a part of a character; empty for an id out of range.
  public func bytes(of id: TokenID) -> [UInt8] {
    id >= 0 && id < vocabularySize ? Array(table.bytes[table.range(of: id)]) : []
  }

  /// The token of exactly this content, for example `<|im_end|>` or ` the`; an added token before a normal one.
  public func id(of token: String) -> TokenID? {
    let bytes = Array(token.utf8)
    return added[bytes] ?? bytes.withUnsafeBufferPointer { table.id(of: $0) }
  }

  /// Whether the id is that of a control token (or the unknown one); false for an id out of range.
  public func isSpecial(_ id: TokenID) -> Bool { id >= 0 && id < vocabularySize && special[Int(id)] }
}

/// Byte ranges in which control tokens are not recognised: ascending and disjoint.
private struct LiteralRanges {
  private var ranges: [Range<Int>] = []

  init(_ unsorted: [Range<Int>]) {
    for range in unsorted.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = ranges.last, range.lowerBound <= last.upperBound {
        ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        ranges.append(range)
      }
    }
  }

  func overlaps(_ range: Range<Int>) -> Bool {
    // The first that ends after the start of `range`.
    var low = 0, high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound > range.lowerBound { high = middle } else { low = middle + 1 }
    }
    return low < ranges.count && ranges[low].lowerBound < range.upperBound
  }
}
