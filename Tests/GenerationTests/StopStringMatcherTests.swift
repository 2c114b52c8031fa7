import Testing

@testable import Generation

@Suite struct StopStringMatcherTests {
  /// The slow definition: the first match is the one complete first, of those that end together the longest.
  private func cut(_ text: String, at stops: [String]) -> (text: String, isStopped: Bool) {
    let bytes = Array(text.utf8)
    for end in 0...bytes.count {
      let ending = stops.map { Array($0.utf8) }.filter {
        !$0.isEmpty && bytes[..<end].reversed().starts(with: $0.reversed())
      }
      if let longest = ending.map(\.count).max() {
        return (String(decoding: bytes[..<(end - longest)], as: UTF8.self), true)
      }
    }
    return (text, false)
  }

  /// How many bytes at the end of the text begin a stop string.
  private func held(_ text: String, _ stops: [String]) -> Int {
    let bytes = Array(text.utf8)
    return stops.map { stop in
      let stop = Array(stop.utf8)
      return (0...min(stop.count, bytes.count)).last { bytes.suffix($0).elementsEqual(stop.prefix($0)) } ?? 0
    }.max() ?? 0
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func anyTextCutInAnyWayEndsWhereTheSlowDefinitionSays(seed: UInt64) {
    var random = SeededGenerator(state: seed)
    let letters: [String] = ["a", "b", "ab", "é", "日", "🙂", "e\u{301}", "\n"]
    func word(_ count: Int) -> String { (0..<count).map { _ in letters.randomElement(using: &random) ?? "" }.joined() }
    for round in 0..<150 {
      let stops = (0..<Int.random(in: 0...4, using: &random)).map { _ in word(Int.random(in: 1...5, using: &random)) }
      var matcher = StopStringMatcher(stops)
      var (text, delivered) = ("", "")
      for _ in 0..<Int.random(in: 1...25, using: &random) where !matcher.isStopped {
        let piece = word(Int.random(in: 0...4, using: &random))
        text += piece
        delivered += matcher.append(piece)
        if !matcher.isStopped {
          // Nothing is held back that cannot begin a stop string any more, and nothing else is delivered.
          #expect(delivered.utf8.count == text.utf8.count - held(text, stops), "seed \(seed), round \(round)")
        }
      }
      delivered += matcher.finish()
      let expected = cut(text, at: stops)
      #expect(Array(delivered.utf8) == Array(expected.text.utf8), "seed \(seed), round \(round): \(stops) in \(text)")
      #expect(matcher.isStopped == expected.isStopped, "seed \(seed), round \(round): \(stops) in \(text)")
      #expect(matcher.append("more") == "" || !matcher.isStopped)
    }
  }

  @Test func theExampleOfTheDocumentationHolds() {
    var matcher = StopStringMatcher(["END"])
    #expect(matcher.append("the E") == "the ")
    #expect(matcher.append("NT") == "ENT")
    #expect(matcher.append("EN") == "")
    #expect(matcher.append("D and") == "" && matcher.isStopped)
    #expect(matcher.finish() == "")
  }

  @Test func hostileStopStringsTakeLinearTime() {
    // Each letter but the last of a long run may begin the match; a naive comparison would take 10¹⁰ steps.
    let stop = String(repeating: "a", count: 100_000) + "b"
    var matcher = StopStringMatcher([stop])
    var delivered = 0
    for _ in 0..<200 { delivered += matcher.append(String(repeating: "a", count: 1000)).utf8.count }
    #expect(delivered == 100_000)
    #expect(matcher.append("b") == "" && matcher.isStopped)
  }
}
