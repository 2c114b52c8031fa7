import Testing

@testable import Simulation

@Suite struct TrafficTests {
  @Test func equalIDsAreEqualTokensAndNothingElseIs() throws {
    let day = try traffic([
      line(at: 0, input: 20, output: 4, ids: [3, 4, 5]), line(at: 1, input: 20, output: 4, ids: [3, 4, 6]),
      line(at: 2, input: 30, output: 4, ids: [3, 4, 5]), line(at: 3, input: 30, output: 4, ids: [3, 4, 5]),
    ])
    let tokens = day.requests.indices.map { day.promptTokens(of: $0) }
    #expect(tokens.map(\.count) == [20, 20, 30, 30])
    #expect(tokens[0][..<16] == tokens[1][..<16] && tokens[0][16...] != tokens[1][16...])
    #expect(tokens[0] == Array(tokens[2][..<20]), "a part of a block is its beginning")
    #expect(tokens[2][..<24] == tokens[3][..<24] && tokens[2][24...] != tokens[3][24...], "no ids: its own")
    #expect(Set(tokens.joined()).allSatisfy { (0..<Traffic.vocabularySize).contains(Int($0)) })
    #expect(Set(tokens[2]).count == 30)
    #expect(day.answerToken(of: 0, after: 0) != day.answerToken(of: 1, after: 0))
    #expect(day.notes.contains("2 requests with fewer hash_ids than full blocks: the rest is their own") == false)
  }

  @Test func requestsAreSortedByTimeAndTimeStartsWithTheFirst() throws {
    let day = try traffic([line(at: 9000, input: 1, output: 1), "", line(at: 5000, input: 2, output: 1) + "\r", "  "]) {
      $0.speedUp = 2
    }
    #expect(day.requests.map(\.arrival) == [0, 2] && day.requests.map(\.inputLength) == [2, 1])
    #expect(day.requests.map(\.line) == [3, 1])
    #expect(day.notes.contains("1 line earlier than the one before: sorted by timestamp"))
    let first = try traffic([line(at: 9000, input: 1, output: 1), line(at: 5000, input: 2, output: 1)]) { $0.limit = 1 }
    #expect(first.requests.map(\.inputLength) == [2])
  }

  @Test func theUnitOfTimeIsThatOfTheFormatOrTheOneGiven() throws {
    let plain = [line(at: 0, input: 1, output: 1), line(at: 8000, input: 1, output: 1)]
    #expect(try traffic(plain).duration == 8)
    #expect(try traffic(plain) { $0.timeUnit = .seconds }.duration == 8000)
    let chat = plain.map { String($0.dropLast()) + #", "chat_id": 1, "type": "text", "turn": 1}"# }
    #expect(try traffic(chat).duration == 8000)
    #expect(try traffic(chat) { $0.timeUnit = .milliseconds }.duration == 8)
  }

  @Test(arguments: [(1000, 2, 512), (1024, 2, 512), (1000, 63, 16), (1000, 62, 16), (100, 13, 8), (5000, 1, 4096)])
  func theBlockSizeIsGuessedFromTheNumbersOfIDs(input: Int, ids: Int, size: Int) throws {
    #expect(try traffic([line(at: 0, input: input, output: 1, ids: Array(0..<ids))]) { _ in }.blockTokens == size)
  }

  @Test func chatsThatOccurTwiceOrNameThemselvesDoNoHarm() throws {
    func turn(_ chat: Int, after parent: Int, input: Int) -> String {
      line(at: 0, input: input, output: 3, ids: [1], #", "chat_id": \#(chat), "parent_chat_id": \#(parent)"#)
    }
    let day = try traffic([
      turn(1, after: 1, input: 8), turn(1, after: 2, input: 9), turn(2, after: 1, input: 10),
      turn(2, after: 2, input: 11),
    ])
    for index in 0..<4 { #expect(day.promptTokens(of: index).count == 8 + index) }
    #expect((0..<3).allSatisfy { day.answerToken(of: 3, after: $0) >= 0 })
  }

  @Test(arguments: [
    (["{"], ":1: column 2: "),
    (["[]"], ":1: column 1: expected '{'"),
    ([#"{"timestamp": 1, "output_length": 2}"#], ":1: column 37: input_length is missing"),
    (
      [line(at: 0, input: 1, output: 1), line(at: 0, input: -5, output: 1)],
      ":2: column 34: input_length is -5; it must be"
    ),
    ([#"{"timestamp": 1, "input_length": 1.5, "output_length": 2}"#], "input_length is 1.5; it must be a whole number"),
    ([line(at: 0, input: 1, output: Int(Int32.max) + 1)], "output_length is 2147483648; it must be"),
    ([#"{"timestamp": 1, "input_length": 99999999999999999999, "output_length": 2}"#], "from 0 to 2147483647"),
    ([#"{"timestamp": NaN, "input_length": 1, "output_length": 2}"#], ":1: column 15: timestamp is NaN; it must be"),
    ([#"{"timestamp": 1e999, "input_length": 1, "output_length": 2}"#], "timestamp is 1e999; it must be"),
    ([line(at: -1, input: 1, output: 1)], "timestamp is -1; it must be a number from 0"),
    ([#"{"timestamp": "noon", "input_length": 1, "output_length": 2}"#], ":1: column 15: expected a number"),
    ([line(at: 0, input: 1, output: 1, ids: [1, -2])], "hash_ids has -2 at index 1"),
    ([#"{"timestamp": 1, "timestamp": 1, "input_length": 1, "output_length": 2}"#], "\"timestamp\" occurs twice"),
    ([line(at: 0, input: 1, output: 1) + "}"], "expected the end of the text"),
    (
      [line(at: 0, input: 8, output: 1, ids: [1]), line(at: 0, input: 8, output: 1)],
      ":2: line 1 has hash_ids and line 2 has none"
    ),
    (["", " "], ": holds no request"),
  ]) func aBadLineIsNamedWithWhatWouldBeRight(lines: [String], part: String) throws {
    let error = try #require(throws: TrafficError.self) { try traffic(lines) }
    #expect(error.description.contains(part), "\(error)")
    #expect(error.description.hasPrefix("/tmp/swiftlet-traffic-"))
  }

  @Test func aBlockSizeThatCannotBeGuessedIsAskedFor() throws {
    let odd = [line(at: 0, input: 5, output: 1, ids: [1, 2, 3, 4])]
    let error = try #require(throws: TrafficError.self) { try traffic(odd) { _ in } }
    #expect(error.description.contains("give the block size (--block-tokens)"))
    #expect(try traffic(odd) { $0.blockTokens = 2 }.notes.contains { $0.contains("the surplus is passed over") })
  }

  @Test func requestsWithoutIDsMayBeAskedFor() throws {
    let lines = [line(at: 0, input: 8, output: 1, ids: [1]), line(at: 0, input: 8, output: 1)]
    let day = try traffic(lines) { $0.acceptsRequestsWithoutHashes = true }
    #expect(day.promptTokens(of: 0) != day.promptTokens(of: 1))
  }

  @Test func filesThatAreNoneAndLinesWithoutEndAreErrors() throws {
    for path in ["/no/such/file", "/tmp"] {
      let error = try #require(throws: TrafficError.self) { try Traffic(path: path) }
      #expect(error.description.hasPrefix("\(path): cannot be read: "))
    }
    let endless = [UInt8](repeating: 0x20, count: LineFile.longestLine + 2)
    let error = try #require(throws: TrafficError.self) { try withFile([0x0A] + endless) { try Traffic(path: $0) } }
    #expect(error.line == 2 && error.reason.hasPrefix("is longer than 16 MiB"))
  }

  @Test func aLineMaySpanManyPieces() throws {
    let ids = Array(0..<100_000)
    let day = try traffic([line(at: 0, input: 800_000, output: 1, ids: ids), line(at: 1, input: 1, output: 1, ids: [])])
    #expect(day.requests.map(\.line) == [1, 2] && day.blockIDs == ids)
  }

  @Test func anErrorDoesNotQuoteALineOfMegabytes() throws {
    let number = String(repeating: "9", count: 100_000)
    let error = try #require(throws: TrafficError.self) {
      try traffic([#"{"timestamp": 1, "input_length": \#(number), "output_length": 2}"#])
    }
    #expect(error.description.utf8.count < 500)
  }
}
