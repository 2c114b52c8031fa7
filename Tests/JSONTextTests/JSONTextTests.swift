import JSONText
import Testing

struct JSONTextTests {
  @Test(
    "Well-formed texts are read and written back as they were",
    arguments: [
      "null", "true", "false", "0", "-0", "-1.5e-07", "123456789012345678901234567890", "\"\"", "\"a\\nb\"", "[]", "{}",
      "[1,[2,[3]]]", "{\"b\":1,\"a\":{\"c\":[null,true]}}", "\"\u{e9}\u{1F600}\"", "NaN", "-Infinity",
    ])
  func roundTrip(_ text: String) throws { #expect(try JSONValue(parsing: text).compact == text) }

  @Test(
    "Malformed texts are refused",
    arguments: [
      "", " ", "nul", "01", "1.", ".5", "1e", "+1", "--1", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
      "\"\\ud800\\u0041\"", "\"\\udc00\"", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "{'a':1}", "[1]]",
      "\"\n\"",
      "1 // one", "{\"a\":1", "[",
    ])
  func refusal(_ text: String) { #expect(throws: JSONError.self) { try JSONValue(parsing: text) } }

  @Test("Escapes stand for their characters")
  func escapes() throws {
    #expect(try JSONValue(parsing: #""\u0041\ud83d\ude00\/\"\\\t""#).string == "A\u{1F600}/\"\\\t")
  }

  @Test("Nesting is read up to the limit and refused beyond it")
  func depth() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(throws: Never.self) { try JSONValue(parsing: nested(JSONReader.depthLimit)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: nested(JSONReader.depthLimit + 1)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "[", count: 1_000_000)) }
  }

  @Test("Keys are equal when their bytes are, not when they look alike")
  func keys() throws {
    let text = "{\"\u{e9}\":1,\"e\u{301}\":2}"
    let value = try JSONValue(parsing: Array(text.utf8), refusingDuplicateKeys: true)
    #expect(value.object?.count == 2)
    #expect(value.compact == text)
    let many = "{" + (0..<30).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + ",\"\u{e9}\":1,\"e\u{301}\":2}"
    #expect(try JSONValue(parsing: many).object?.count == 32)
  }

  @Test("A repeated key keeps its place and the last value, or is refused")
  func duplicates() throws {
    let text = "{\"a\":1,\"b\":2,\"a\":3}"
    #expect(try JSONValue(parsing: text).compact == "{\"a\":3,\"b\":2}")
    #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8), refusingDuplicateKeys: true) }
  }

  @Test("Errors name line and column")
  func position() {
    do {
      _ = try JSONValue(parsing: "{\n  \"a\": 1,\n  \"b\": x\n}")
      Issue.record("was read")
    } catch {
      #expect((error.line, error.column) == (3, 8))
    }
  }

  @Test("Pretty text has Python's form")
  func pretty() throws {
    let value = try JSONValue(parsing: "{\"a\":[1,{\"b\":[]}],\"c\":{}}")
    #expect(value.pretty == "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}")
  }

  @Test("Invalid UTF-8 is refused")
  func encoding() {
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0x5C, 0x6E, 0xC3, 0x22]) }
  }

  @Test("Mutated documents are read or refused, never trapped on")
  func mutations() {
    let text = Array("{\"a\":[1,2.5e3,\"x\\u00e9\\n\",null,true],\"b\":{\"c\":\"\u{1F600}\",\"d\":-0.1}}".utf8)
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15, read = 0
    func next() -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state >> 33)
    }
    for _ in 0..<5000 {
      var bytes = text
      for _ in 0...next() % 3 {
        switch next() % 3 {
        case 0: bytes[next() % bytes.count] = UInt8(next() % 256)
        case 1: bytes.removeSubrange((next() % bytes.count)...)
        default: bytes.insert(UInt8(next() % 256), at: next() % (bytes.count + 1))
        }
        if bytes.isEmpty { break }
      }
      if (try? JSONValue(parsing: bytes)) != nil { read += 1 }
    }
    #expect(read > 0 && read < 5000)
  }
}
