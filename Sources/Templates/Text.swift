/// UTF-8 text that knows which of its bytes are *literal*: made from untrusted content rather than by the template.
///
/// Invariant: `bytes` is valid UTF-8; `marks` are sorted, not empty, and do not touch. Equality ignores the marks.
struct Text: Sendable, Hashable {
  private(set) var bytes: [UInt8]
  /// The literal byte ranges.
  private(set) var marks: [Range<Int>]

  init() { (bytes, marks) = ([], []) }
  init(_ string: String, literal: Bool = false) { self.init(bytes: Array(string.utf8), literal: literal) }
  init(bytes: [UInt8], literal: Bool = false) {
    self.bytes = bytes
    marks = literal && !bytes.isEmpty ? [0..<bytes.count] : []
  }

  var count: Int { bytes.count }
  var isEmpty: Bool { bytes.isEmpty }
  var string: String { String(decoding: bytes, as: UTF8.self) }
  /// Whether any byte is literal.
  var hasLiteral: Bool { !marks.isEmpty }

  static func == (a: Text, b: Text) -> Bool { a.bytes == b.bytes }
  func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

  /// The same bytes, all of them literal.
  var allLiteral: Text { Text(bytes: bytes, literal: true) }

  /// The index of the first mark that ends after `position`.
  private func firstMark(after position: Int) -> Int {
    var low = 0, high = marks.count
    while low < high {
      let middle = (low + high) / 2
      if marks[middle].upperBound > position { high = middle } else { low = middle + 1 }
    }
    return low
  }

  func isLiteral(at position: Int) -> Bool {
    let i = firstMark(after: position)
    return i < marks.count && marks[i].lowerBound <= position
  }

  mutating func append(_ byte: UInt8, literal: Bool) {
    bytes.append(byte)
    if literal { mark(bytes.count - 1..<bytes.count) }
  }

  mutating func append(_ more: some Collection<UInt8>, literal: Bool) {
    let start = bytes.count
    bytes.append(contentsOf: more)
    if literal { mark(start..<bytes.count) }
  }

  mutating func append(_ other: Text) {
    let start = bytes.count
    bytes.append(contentsOf: other.bytes)
    for range in other.marks { mark(range.lowerBound + start..<range.upperBound + start) }
  }

  /// Appends a byte range of another text.
  mutating func append(_ other: Text, _ range: Range<Int>) {
    let start = bytes.count
    bytes.append(contentsOf: other.bytes[range])
    var i = other.firstMark(after: range.lowerBound)
    while i < other.marks.count, other.marks[i].lowerBound < range.upperBound {
      let part = other.marks[i].clamped(to: range)
      mark(part.lowerBound - range.lowerBound + start..<part.upperBound - range.lowerBound + start)
      i += 1
    }
  }

  private mutating func mark(_ range: Range<Int>) {
    if range.isEmpty { return }
    if let last = marks.last, last.upperBound == range.lowerBound {
      marks[marks.count - 1] = last.lowerBound..<range.upperBound
    } else {
      marks.append(range)
    }
  }

  subscript(range: Range<Int>) -> Text {
    if range == 0..<count { return self }
    var result = Text()
    result.append(self, range)
    return result
  }
}

/// Collects text up to a limit; past it nothing more is stored and `overflowed` says so.
struct TextBuilder {
  private(set) var text = Text()
  private(set) var overflowed = false
  let limit: Int

  init(limit: Int) { self.limit = limit }

  private mutating func hasRoom(_ count: Int) -> Bool {
    if overflowed || count > limit - text.count { overflowed = true }
    return !overflowed
  }
  mutating func append(_ byte: UInt8, literal: Bool = false) { if hasRoom(1) { text.append(byte, literal: literal) } }
  mutating func append(_ string: String, literal: Bool = false) {
    if hasRoom(string.utf8.count) { text.append(string.utf8, literal: literal) }
  }
  mutating func append(_ bytes: [UInt8], literal: Bool) {
    if hasRoom(bytes.count) { text.append(bytes, literal: literal) }
  }
  mutating func append(_ other: Text) { if hasRoom(other.count) { text.append(other) } }
  mutating func append(_ other: Text, _ range: Range<Int>) { if hasRoom(range.count) { text.append(other, range) } }
  mutating func append(_ byte: UInt8, count: Int) {
    if count > 0, hasRoom(count) { text.append(repeatElement(byte, count: count), literal: false) }
  }
}
