import Testing

@testable import Tokenization

@Suite struct NormalizationTests {
  static func nfc(_ text: String) -> [Unicode.Scalar] {
    var text = text
    return text.withUTF8 { bytes in
      let normal = UnicodeClasses.standard.withTable { Normalization.nfc(bytes, classes: $0) }
      return Array(String(decoding: normal ?? Array(bytes), as: UTF8.self).unicodeScalars)
    }
  }

  @Test func marksComposeAndAreOrdered() {
    #expect(Self.nfc("e\u{301}") == ["é"])
    #expect(Self.nfc("q\u{307}\u{323}") == ["q", "\u{323}", "\u{307}"])
    #expect(Self.nfc("\u{1100}\u{1161}\u{11A8}") == ["각"])
    #expect(Self.nfc("\u{212B}\u{958}") == ["Å", "\u{915}", "\u{93C}"])
    #expect(Self.nfc("\u{F73}\u{F73}") == ["\u{F71}", "\u{F71}", "\u{F72}", "\u{F72}"])
  }

  @Test func longRunsComeOutAsShortOnesDo() {
    let count = 200
    let marks = String(repeating: "\u{301}\u{323}", count: count)
    let expected: [Unicode.Scalar] =
      ["ạ"] + .init(repeating: "\u{323}", count: count - 1) + .init(repeating: "\u{301}", count: count)
    #expect(Self.nfc("a" + marks) == expected)
    #expect(Self.nfc("a" + marks + "e\u{301}") == expected + ["é"])
  }

  @Test func textInNormalFormIsNotCopied() {
    for text in ["", "plain", "naïve Straße", "日本語 한국어", "🙂"] {
      var text = text
      #expect(
        text.withUTF8 { bytes in UnicodeClasses.standard.withTable { Normalization.nfc(bytes, classes: $0) } } == nil)
    }
  }
}
