import Testing

@testable import Tokenization

/// Texts that a careless tokenizer takes quadratic time for. The limit is generous: quadratic work would take minutes.
@Suite(.serialized) struct LinearTimeTests {
  static let limit = Duration.seconds(5)
  static let texts: [(name: String, text: String)] = [
    ("one long word", String(repeating: "abcdefghij", count: 10_000)),
    ("one letter", String(repeating: "a", count: 100_000)),
    ("a merging syllable", String(repeating: "the", count: 33_000)),
    ("spaces", String(repeating: " ", count: 100_000) + "x"),
    ("newlines and spaces", String(repeating: " \n", count: 50_000) + "x"),
    ("digits", String(repeating: "1", count: 100_000)),
    ("others", String(repeating: "!", count: 100_000)),
    ("combining marks out of order", "a" + String(repeating: "\u{301}\u{323}", count: 50_000)),
    ("marks that decompose out of order", "a" + String(repeating: "\u{F73}", count: 50_000)),
    ("beginnings of special tokens", String(repeating: "<|bos|", count: 16_000)),
    ("special tokens", String(repeating: "<|bos|>", count: 14_000)),
    ("special tokens that strip", String(repeating: "  <pad>", count: 14_000)),
    ("words that are not single", String(repeating: "word", count: 25_000)),
  ]

  @Test(arguments: OracleTests.names)
  func hostileTextsTakeLinearTime(name: String) throws {
    let tokenizer = try OracleTests.tokenizer(name)
    for (kind, text) in Self.texts {
      var ids: [TokenID] = []
      let time = ContinuousClock().measure { ids = tokenizer.encode(text, literalRanges: [3..<5, 50_000..<50_001]) }
      #expect(!ids.isEmpty)
      #expect(time < Self.limit, "\(kind): \(time)")
    }
  }

  @Test func manyLiteralRangesTakeLinearTime() throws {
    let tokenizer = try OracleTests.tokenizer("gpt2")
    let text = String(repeating: "<|bos|>", count: 20_000)
    let ranges = (0..<20_000).filter { $0 % 2 == 0 }.map { $0 * 7..<($0 * 7 + 1) }
    var ids: [TokenID] = []
    let time = ContinuousClock().measure { ids = tokenizer.encode(text, literalRanges: ranges) }
    #expect(ids.filter(tokenizer.isSpecial).count == 10_000)
    #expect(time < Self.limit, "\(time)")
  }

  @Test func theHeapMergesAsTheLinearSearchDoes() throws {
    // The naive definition: the pair of the lowest rank, leftmost first.
    let merges = ["a b", "b a", "a a", "ab a", "aa b", "ab ab", "ba ba", "aba b"]
    let tokens = ["a", "b", "ab", "ba", "aa", "aba", "aab", "abab", "baba"]
    // "aba" + "b" is "abab": two merges may make one token.
    let vocabulary = Vocabulary(
      tokens: tokens, kinds: .init(repeating: .normal, count: tokens.count), merges: merges, preTokenizer: .none)
    let tokenizer = try Tokenizer(vocabulary)
    let ranks = Dictionary(uniqueKeysWithValues: merges.enumerated().map { ($1, $0) })
    var random = SeededGenerator(state: 4)
    for length in Array(1...100) + [500] {
      let text = String((0..<length).map { _ in Bool.random(using: &random) ? "a" : "b" })
      var symbols = text.map(String.init)
      while true {
        let ranked = symbols.indices.dropLast().compactMap { i in
          ranks[symbols[i] + " " + symbols[i + 1]].map { ($0, i) }
        }
        guard let (_, at) = ranked.min(by: <) else { break }
        symbols[at] += symbols.remove(at: at + 1)
      }
      #expect(tokenizer.encode(text) == symbols.compactMap { tokens.firstIndex(of: $0).map { TokenID($0) } }, "\(text)")
    }
  }
}
