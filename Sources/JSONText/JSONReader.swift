/// A pull parser over UTF-8 bytes: no tree unless one is asked for, no Foundation, linear time, bounded depth.
///
///     var reader = JSONReader(bytes)
///     try reader.readObject { reader, key throws(JSONError) in
///       if key == "vocab" { … } else { try reader.skip() }
///     }
///     try reader.expectEnd()
///
/// Invariant: `position <= bytes.count`; every read past the end is an error, never a trap.
/// Strings must be valid UTF-8 and escapes well formed (a lone surrogate is refused).
public struct JSONReader {
  public enum Kind: Sendable { case null, bool, number, string, array, object }

  /// Nesting beyond this is refused.
  public static let depthLimit = 200

  let bytes: UnsafeBufferPointer<UInt8>
  public private(set) var position = 0
  var depth = 0
  /// Whether a key that occurs twice in one object is an error (safetensors headers) or the last one wins.
  public var refusesDuplicateKeys = false
  /// Whether the bare words `NaN`, `Infinity` and `-Infinity` are numbers, as Python writes them.
  public var acceptsNonFinite = true

  /// - Parameter bytes: must stay valid while the reader is used.
  public init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  // MARK: errors

  public func error(_ reason: String, at offset: Int? = nil) -> JSONError {
    let end = min(offset ?? position, bytes.count)
    var line = 1, start = 0
    for i in 0..<end where bytes[i] == 0x0A { (line, start) = (line + 1, i + 1) }
    return JSONError(offset: end, line: line, column: end - start + 1, reason: reason)
  }

  private func found() -> String {
    guard position < bytes.count else { return "the end of the text" }
    let byte = bytes[position]
    return byte > 0x20 && byte < 0x7F ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
  }

  // MARK: structure

  @inline(__always) mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position &+= 1
      default: return
      }
    }
  }

  /// The kind of the next value, without consuming it.
  public mutating func peek() throws(JSONError) -> Kind {
    skipWhitespace()
    guard position < bytes.count else { throw error("expected a value, found the end of the text") }
    switch bytes[position] {
    case 0x22: return .string
    case 0x7B: return .object
    case 0x5B: return .array
    case 0x74, 0x66: return .bool
    case 0x6E: return .null
    case 0x2D, 0x30...0x39: return .number
    case 0x4E, 0x49: return .number  // NaN, Infinity
    default: throw error("expected a value, found \(found())")
    }
  }

  mutating func eat(_ byte: UInt8) -> Bool {
    skipWhitespace()
    guard position < bytes.count, bytes[position] == byte else { return false }
    position &+= 1
    return true
  }

  mutating func expect(_ byte: UInt8) throws(JSONError) {
    if !eat(byte) { throw error("expected '\(Character(Unicode.Scalar(byte)))', found \(found())") }
  }

  /// Reads an object; `body` is called with each key and must consume its value.
  public mutating func readObject(_ body: (inout JSONReader, String) throws(JSONError) -> Void) throws(JSONError) {
    try expect(0x7B)
    try enter()
    defer { depth &-= 1 }
    var seen: Set<[UInt8]> = []
    if eat(0x7D) { return }
    repeat {
      skipWhitespace()
      let start = position
      let key = try readString()
      if refusesDuplicateKeys, !seen.insert(Array(key.utf8)).inserted {
        throw error("the key \"\(key)\" occurs twice", at: start)
      }
      try expect(0x3A)
      try body(&self, key)
    } while eat(0x2C)
    try expect(0x7D)
  }

  /// Reads an array; `body` must consume one element.
  public mutating func readArray(_ body: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
    try expect(0x5B)
    try enter()
    defer { depth &-= 1 }
    if eat(0x5D) { return }
    repeat { try body(&self) } while eat(0x2C)
    try expect(0x5D)
  }

  private mutating func enter() throws(JSONError) {
    if depth >= Self.depthLimit { throw error("nested deeper than \(Self.depthLimit) levels") }
    depth &+= 1
  }

  /// Fails unless only white space is left.
  public mutating func expectEnd() throws(JSONError) {
    skipWhitespace()
    if position < bytes.count { throw error("expected the end of the text, found \(found())") }
  }

  // MARK: scalars

  private mutating func word(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard position + count <= bytes.count else { return false }
    for i in 0..<count where bytes[position + i] != word.utf8Start[i] { return false }
    position += count
    return true
  }

  public mutating func readNull() throws(JSONError) {
    skipWhitespace()
    if !word("null") { throw error("expected null, found \(found())") }
  }

  public mutating func readBool() throws(JSONError) -> Bool {
    skipWhitespace()
    if word("true") { return true }
    if word("false") { return false }
    throw error("expected true or false, found \(found())")
  }

  public mutating func readNumber() throws(JSONError) -> JSONNumber {
    skipWhitespace()
    let start = position
    if acceptsNonFinite {
      if word("NaN") { return JSONNumber(text: "NaN") }
      if word("Infinity") { return JSONNumber(text: "Infinity") }
      if word("-Infinity") { return JSONNumber(text: "-Infinity") }
    }
    func digits(_ reader: inout JSONReader) -> Int {
      let from = reader.position
      while reader.position < reader.bytes.count, (0x30...0x39).contains(reader.bytes[reader.position]) {
        reader.position &+= 1
      }
      return reader.position - from
    }
    func at(_ byte: UInt8) -> Bool { position < bytes.count && bytes[position] == byte }
    if at(0x2D) { position &+= 1 }
    let leadingZero = at(0x30)
    let whole = digits(&self)
    if whole == 0 { throw error("expected a number, found \(found())", at: start) }
    if leadingZero && whole > 1 { throw error("a number does not begin with 0", at: start) }
    if at(0x2E) {
      position &+= 1
      if digits(&self) == 0 { throw error("expected digits after the decimal point, found \(found())") }
    }
    if at(0x65) || at(0x45) {
      position &+= 1
      if at(0x2B) || at(0x2D) { position &+= 1 }
      if digits(&self) == 0 { throw error("expected digits in the exponent, found \(found())") }
    }
    return JSONNumber(text: String(decoding: bytes[start..<position], as: UTF8.self))
  }

  public mutating func readInt() throws(JSONError) -> Int {
    skipWhitespace()
    let start = position
    let number = try readNumber()
    guard let value = number.int else { throw error("expected an integer below 2^63, found \(number.text)", at: start) }
    return value
  }

  public mutating func readDouble() throws(JSONError) -> Double { try readNumber().double }

  public mutating func readString() throws(JSONError) -> String {
    var storage: [UInt8] = []
    let range = try readStringBytes(into: &storage)
    guard let range else { return try utf8(storage.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }) }
    return try utf8(String(validating: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self))
  }

  private func utf8(_ string: String?) throws(JSONError) -> String {
    guard let string else { throw error("a string is not valid UTF-8") }
    return string
  }

  /// Reads a string without making one: the range of its bytes in the text when it has no escape, or nil with the
  /// decoded bytes in `storage`. UTF-8 is not validated here.
  public mutating func readStringBytes(into storage: inout [UInt8]) throws(JSONError) -> Range<Int>? {
    try expect(0x22)
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x22 {
        position &+= 1
        return start..<(position - 1)
      }
      if byte == 0x5C { break }
      if byte < 0x20 { throw error("a control character must be escaped in a string") }
      position &+= 1
    }
    storage.removeAll(keepingCapacity: true)
    storage.append(contentsOf: bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position &+= 1
      if byte == 0x22 { return nil }
      if byte < 0x20 { throw error("a control character must be escaped in a string", at: position - 1) }
      if byte != 0x5C {
        storage.append(byte)
        continue
      }
      try readEscape(into: &storage)
    }
    throw error("a string is not closed", at: start - 1)
  }

  private mutating func readEscape(into storage: inout [UInt8]) throws(JSONError) {
    guard position < bytes.count else { throw error("a string is not closed") }
    let byte = bytes[position]
    position &+= 1
    switch byte {
    case 0x22, 0x5C, 0x2F: storage.append(byte)
    case 0x62: storage.append(0x08)
    case 0x66: storage.append(0x0C)
    case 0x6E: storage.append(0x0A)
    case 0x72: storage.append(0x0D)
    case 0x74: storage.append(0x09)
    case 0x75:
      var value = try readHex4()
      if (0xD800..<0xDC00).contains(value) {
        guard position + 1 < bytes.count, bytes[position] == 0x5C, bytes[position + 1] == 0x75 else {
          throw error("a lone surrogate is not a character")
        }
        position += 2
        let low = try readHex4()
        guard (0xDC00..<0xE000).contains(low) else { throw error("a lone surrogate is not a character") }
        value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(value) else { throw error("a lone surrogate is not a character") }
      storage.append(contentsOf: UTF8.encode(scalar)!)
    default: throw error("'\\' must be followed by one of \"\\/bfnrtu", at: position - 1)
    }
  }

  private mutating func readHex4() throws(JSONError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw error("expected four hexadecimal digits") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[position]
      switch byte {
      case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
      case 0x41...0x46, 0x61...0x66: value = value << 4 | UInt32((byte | 0x20) - 0x61 + 10)
      default: throw error("expected four hexadecimal digits")
      }
      position &+= 1
    }
    return value
  }

  // MARK: whole values

  /// Consumes one value of any kind, checking its form.
  public mutating func skip() throws(JSONError) {
    switch try peek() {
    case .null: try readNull()
    case .bool: _ = try readBool()
    case .number: _ = try readNumber()
    case .string:
      var unused: [UInt8] = []
      _ = try readStringBytes(into: &unused)
    case .array: try readArray { reader throws(JSONError) in try reader.skip() }
    case .object: try readObject { reader, _ throws(JSONError) in try reader.skip() }
    }
  }

  public mutating func readValue() throws(JSONError) -> JSONValue {
    switch try peek() {
    case .null:
      try readNull()
      return .null
    case .bool: return .bool(try readBool())
    case .number: return .number(try readNumber())
    case .string: return .string(try readString())
    case .array:
      var elements: [JSONValue] = []
      try readArray { reader throws(JSONError) in elements.append(try reader.readValue()) }
      return .array(elements)
    case .object:
      var object = JSONObject()
      try readObject { reader, key throws(JSONError) in object[key] = try reader.readValue() }
      return .object(object)
    }
  }
}

extension JSONValue {
  /// Parses one whole document.
  public init(parsing bytes: [UInt8], refusingDuplicateKeys: Bool = false) throws(JSONError) {
    self = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
      var reader = JSONReader(buffer)
      reader.refusesDuplicateKeys = refusingDuplicateKeys
      let value = try reader.readValue()
      try reader.expectEnd()
      return value
    }
  }

  public init(parsing text: String) throws(JSONError) { self = try JSONValue(parsing: Array(text.utf8)) }
}
