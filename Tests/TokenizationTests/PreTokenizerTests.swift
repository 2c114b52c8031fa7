import Testing

@testable import Tokenization

@Suite struct PreTokenizerTests {
  static func pieces(_ text: String, _ rule: PreTokenizer) -> [String] {
    var text = text, pieces: [String] = []
    text.withUTF8 { bytes in
      guard let base = bytes.baseAddress else { return }
      UnicodeClasses.standard.withTable { classes in
        let scanner = PieceScanner(text: base, end: bytes.count, classes: classes, rule: rule)
        var start = 0
        while start < bytes.count {
          let end = scanner.endOfPiece(at: start)
          pieces.append(String(decoding: bytes[start..<end], as: UTF8.self))
          start = end
        }
      }
    }
    return pieces
  }

  @Test func gpt2KeepsASpaceWithTheWordAfterIt() {
    #expect(Self.pieces("I'll  pay 120 €!\n\n x", .gpt2) == ["I", "'ll", " ", " pay", " 120", " €!", "\n\n", " x"])
    #expect(Self.pieces("WE'RE", .gpt2) == ["WE", "'", "RE"])
  }

  @Test func smollmCutsDigitsBeforeAnythingElse() {
    #expect(Self.pieces("x 12  3\n4", .smollm) == ["x", " ", "1", "2", "  ", "3", "\n", "4"])
  }

  @Test func llama3AndQwen2DifferInDigitsOnly() {
    #expect(
      Self.pieces("it'S 12345 (x)\r\n  y", .llama3) == ["it", "'S", " ", "123", "45", " (", "x", ")\r\n", " ", " y"])
    #expect(Self.pieces("a123", .qwen2) == ["a", "1", "2", "3"])
  }

  @Test(arguments: PreTokenizer.allCases)
  func piecesOfRandomTextJoinToTheText(rule: PreTokenizer) {
    var random = SeededGenerator(state: 1)
    let alphabet: [Unicode.Scalar] = [
      "a", "S", "'", " ", " ", "\n", "\r", "\t", "1", "é", "\u{301}", "灯", "🙂", "\u{3000}", "!",
    ]
    for _ in 0..<300 {
      var text = ""
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        text.unicodeScalars.append(alphabet.randomElement(using: &random) ?? "a")
      }
      let pieces = Self.pieces(text, rule)
      #expect(pieces.allSatisfy { !$0.isEmpty })
      #expect(Array(pieces.joined().utf8) == Array(text.utf8))
    }
  }

  @Test func ggufNamesAreKnownOrNamedInTheError() throws {
    #expect(try PreTokenizer(ggufName: "gpt-2") == .gpt2)
    #expect(try PreTokenizer(ggufName: "smollm") == .smollm)
    #expect(try PreTokenizer(ggufName: "llama-bpe") == .llama3)
    #expect(try PreTokenizer(ggufName: "qwen2") == .qwen2)
    let error = #expect(throws: TokenizerError.self) { try PreTokenizer(ggufName: "gobbledegook") }
    #expect(error?.description.contains("gobbledegook") == true)
  }

  @Test func anUnknownPatternIsQuotedInTheError() throws {
    for rule in PreTokenizer.allCases {
      if let pattern = rule.pattern { #expect(try PreTokenizer(pattern: pattern) == rule) }
    }
    let error = #expect(throws: TokenizerError.self) { try PreTokenizer(pattern: #"\w+|\d"#) }
    #expect(error?.description.contains(#"\w+|\d"#) == true)
  }

  @Test func classesAgreeWithTheStandardLibraryOnUnicode15() {
    // Characters newer than that may be unknown to one of the two.
    let oldEnough = { (scalar: Unicode.Scalar) in scalar.properties.age.map { $0.major <= 15 } ?? false }
    UnicodeClasses.standard.withTable { classes in
      for value in UInt32(0)..<0x110000 {
        guard let scalar = Unicode.Scalar(value), oldEnough(scalar) else { continue }
        let found = Array(String(scalar).utf8).withUnsafeBufferPointer {
          classes.character($0.baseAddress!, 0, $0.count).classes & UnicodeClasses.scanned
        }
        let expected: UInt8 =
          switch scalar.properties.generalCategory {
          case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            UnicodeClasses.letter
          case .decimalNumber, .letterNumber, .otherNumber: UnicodeClasses.number
          default: scalar.properties.isWhitespace ? UnicodeClasses.space : 0
          }
        if found != expected { Issue.record("U+\(String(value, radix: 16)): \(found), expected \(expected)") }
      }
    }
  }
}
