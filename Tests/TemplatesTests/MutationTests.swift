import JSONText
import Templates
import Testing

@Suite("Mutated templates")
struct MutationTests {
  /// A small deterministic generator (SplitMix64).
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static let fragments = [
    "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "(", ")", "[", "]", "{", "}", "|", ".", ",", ":", "'", "\"", "\\",
    "~", "**",
    "//", "%", " if ", " else ", " in ", " not ", " is ", "for x in ", "endfor", "macro m(", "set ", "loop.",
    "messages", "[::-1]",
    "9223372036854775807", "-1", "0", "1e308", "range(", "tojson", "sort", "namespace(", "é", "\u{0}", "\n", "none",
    "*", "caller()",
  ]

  @Test("either render or are refused, and give valid ranges")
  func mutations() throws {
    let cases = try JinjaCases()
    var random = Random(state: 20240305)
    var limits = TemplateLimits()
    limits.steps = 20_000
    limits.outputBytes = 1 << 18
    var rendered = 0, refused: [TemplateError.Kind: Int] = [:]
    let sources = cases.small + cases.whole
    for round in 0..<6000 {
      guard let item = sources.randomElement(using: &random) else { continue }
      var bytes = Array(item.template.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, at + Int.random(in: 0...6, using: &random))
        switch Int.random(in: 0...3, using: &random) {
        case 0: bytes.removeSubrange(at..<end)
        case 1: bytes.insert(contentsOf: (Self.fragments.randomElement(using: &random) ?? "").utf8, at: at)
        case 2: bytes.replaceSubrange(at..<end, with: (Self.fragments.randomElement(using: &random) ?? "").utf8)
        default:
          let from = Int.random(in: 0...bytes.count, using: &random)
          let to = min(bytes.count, from + Int.random(in: 0...40, using: &random))
          bytes.insert(contentsOf: Array(bytes[from..<to]), at: at)
        }
      }
      let source = String(decoding: bytes, as: UTF8.self)
      do {
        let prompt = try ChatTemplate(source: source).render(
          messages: item.messages, tools: item.tools, addGenerationPrompt: round % 2 == 0, bosToken: "<s>",
          eosToken: nil,
          extra: item.extra, now: JinjaCases.moment, limits: limits)
        rendered += 1
        var end = -1
        for range in prompt.literalRanges {
          #expect(range.lowerBound > end && !range.isEmpty, "\(source)")
          end = range.upperBound
        }
        #expect(end <= prompt.text.utf8.count)
      } catch { refused[error.kind, default: 0] += 1 }
    }
    #expect(rendered > 500)
    #expect(refused[.syntax, default: 0] > 500)
    #expect(refused[.undefined, default: 0] + refused[.type, default: 0] > 100)
  }
}
