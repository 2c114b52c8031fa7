import JSONText

/// One line of a trace, as it is written: one JSON object.
///
/// Two public formats are read, and a third that is what they have in common without `hash_ids`:
///
/// - Mooncake's, of github.com/kvcache-ai/Mooncake, FAST25-release/README.md: `timestamp` (milliseconds), `input_length`,
///   `output_length` (tokens), `hash_ids` (one id for each block of 512 tokens of the prompt; the last block may be
///   shorter). Equal ids mean equal prefixes up to the end of their blocks.
/// - Qwen-Bailian's, of github.com/alibaba-edu/qwen-bailian-usagetraces-anon, README.md: the same with `timestamp` in
///   seconds and blocks of 16 tokens, and `chat_id`, `parent_chat_id` (-1 for the first of a conversation), `turn`,
///   `type`.
///
/// `priority` and `cache_salt` are this project's and mean what they mean in a `GenerationRequest`. Other members are
/// passed over.
struct TrafficLine {
  /// In the file's unit, whichever it is.
  var timestamp: Double
  var inputLength: Int
  var outputLength: Int
  /// nil when there is no such member.
  var blockIDs: [Int]?
  var chat: Int?
  /// nil for the first of a conversation.
  var parentChat: Int?
  var priority = 0
  var cacheSalt = ""

  /// The most tokens that a request may say it has.
  static let mostTokens = Int(Int32.max)
  /// The latest time, in either unit: clocks that count milliseconds since 1970 are far below.
  static let latestTimestamp = 1e15

  /// Reads a line.
  /// - Throws: `JSONError` when it is not a JSON object or a member is not what it should be.
  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) {
    var reader = JSONReader(bytes)
    reader.refusesDuplicateKeys = true
    var timestamp: Double?, input: Int?, output: Int?, blocks: [Int]?, chat: Int?, parent: Int?
    var (priority, salt) = (0, "")
    try reader.readObject { reader, key throws(JSONError) in
      switch key {
      case "timestamp": timestamp = try Self.time(&reader)
      case "input_length": input = try Self.count(&reader, key)
      case "output_length": output = try Self.count(&reader, key)
      case "hash_ids": blocks = try Self.ids(&reader)
      case "chat_id": chat = try reader.readInt()
      case "parent_chat_id": parent = try reader.readInt()
      case "priority": priority = try reader.readInt()
      case "cache_salt": salt = try reader.readString()
      default: try reader.skip()
      }
    }
    try reader.expectEnd()
    func require<Value>(_ value: Value?, _ key: String) throws(JSONError) -> Value {
      guard let value else { throw reader.error("\(key) is missing") }
      return value
    }
    self.timestamp = try require(timestamp, "timestamp")
    inputLength = try require(input, "input_length")
    outputLength = try require(output, "output_length")
    (blockIDs, self.chat, parentChat) = (blocks, chat, parent.flatMap { $0 < 0 ? nil : $0 })
    (self.priority, cacheSalt) = (priority, salt)
  }

  private static func time(_ reader: inout JSONReader) throws(JSONError) -> Double {
    _ = try reader.peek()
    let start = reader.position
    let number = try reader.readNumber()
    guard number.double >= 0, number.double <= latestTimestamp else {
      throw reader.error("timestamp is \(number.text); it must be a number from 0 to 1e15", at: start)
    }
    return number.double
  }

  private static func count(_ reader: inout JSONReader, _ key: String) throws(JSONError) -> Int {
    _ = try reader.peek()
    let start = reader.position
    let number = try reader.readNumber()
    guard let value = number.int, (0...mostTokens).contains(value) else {
      throw reader.error("\(key) is \(number.text); it must be a whole number from 0 to \(mostTokens)", at: start)
    }
    return value
  }

  private static func ids(_ reader: inout JSONReader) throws(JSONError) -> [Int] {
    var ids: [Int] = []
    try reader.readArray { reader throws(JSONError) in
      _ = try reader.peek()
      let start = reader.position
      let number = try reader.readNumber()
      guard let id = number.int, id >= 0 else {
        throw reader.error(
          "hash_ids has \(number.text) at index \(ids.count); ids are whole numbers from 0 to 2^63 - 1", at: start)
      }
      ids.append(id)
    }
    return ids
  }
}
