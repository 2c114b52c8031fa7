/// Reads the header of a GGUF file front to back; nothing is read or allocated before it is known to be there.
///
/// Invariant: `0 <= position <= bytes.count`.
struct GGUFCursor {
  let path: String
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  /// What is being read, for errors: `key general.name`.
  var subject: String?

  /// Arrays may hold arrays, but not deeper than this.
  static let depthLimit = 4

  init(path: String, bytes: UnsafeRawBufferPointer, position: Int = 0, subject: String? = nil) {
    self.path = path
    self.bytes = bytes
    self.position = min(position, bytes.count)
    self.subject = subject
  }

  var remaining: Int { bytes.count - position }

  func error(_ code: CheckpointError.Code, _ reason: String) -> CheckpointError {
    CheckpointError(code, file: path, subject: subject, reason)
  }

  private func truncated(_ what: String, _ count: some BinaryInteger) -> CheckpointError {
    error(
      .truncated,
      "\(what) at byte \(grouped(position)) needs \(grouped(count)) bytes, the file has \(grouped(remaining)) left")
  }

  mutating func integer<T: FixedWidthInteger>(_ what: String, as type: T.Type = T.self) throws(CheckpointError) -> T {
    let size = MemoryLayout<T>.size
    guard size <= remaining else { throw truncated(what, size) }
    defer { position += size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
  }

  /// A 64-bit count of things that take at least `size` bytes each: checked against `limit`, if any, and what is left.
  mutating func count(_ what: String, each size: Int, limit: Int? = nil) throws(CheckpointError) -> Int {
    let raw = try integer(what, as: UInt64.self)
    if let limit, raw > UInt64(limit) {
      throw error(.limit, "\(what) is \(grouped(raw)), at most \(grouped(limit)) expected")
    }
    let (needed, overflow) = raw.multipliedReportingOverflow(by: UInt64(size))
    guard !overflow, needed <= UInt64(remaining) else {
      throw error(
        .truncated, "\(what) is \(grouped(raw)), at least \(size) bytes each; the file has \(grouped(remaining)) left")
    }
    return Int(raw)
  }

  /// The bytes of a string: a 64-bit length, then UTF-8.
  mutating func stringRange(_ what: String, limit: Int? = nil) throws(CheckpointError) -> Range<Int> {
    let count = try count("the length of " + what, each: 1, limit: limit)
    defer { position += count }
    return position..<position + count
  }

  mutating func string(_ what: String, limit: Int? = nil) throws(CheckpointError) -> String {
    let range = try stringRange(what, limit: limit)
    guard let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
      throw error(.malformed, "\(what) at byte \(grouped(range.lowerBound)) is not valid UTF-8")
    }
    return text
  }

  mutating func valueType(_ what: String) throws(CheckpointError) -> GGUFValueType {
    let raw = try integer(what, as: UInt32.self)
    guard let type = GGUFValueType(rawValue: raw) else {
      throw error(.malformed, "\(what) is \(raw), expected a value type from 0 to 12")
    }
    return type
  }

  mutating func value(of type: GGUFValueType, in file: MappedFile) throws(CheckpointError) -> GGUFValue {
    switch type {
    case .uint8: return .uint8(try integer("the value"))
    case .int8: return .int8(try integer("the value"))
    case .uint16: return .uint16(try integer("the value"))
    case .int16: return .int16(try integer("the value"))
    case .uint32: return .uint32(try integer("the value"))
    case .int32: return .int32(try integer("the value"))
    case .uint64: return .uint64(try integer("the value"))
    case .int64: return .int64(try integer("the value"))
    case .float32: return .float32(Float(bitPattern: try integer("the value")))
    case .float64: return .float64(Double(bitPattern: try integer("the value")))
    case .bool:
      let raw = try integer("the value", as: UInt8.self)
      guard raw <= 1 else { throw error(.malformed, "a boolean is \(raw), expected 0 or 1") }
      return .bool(raw == 1)
    case .string: return .string(try string("the value"))
    case .array: return .array(try array(in: file, depth: 1))
    }
  }

  /// Checks an array and steps over it; its elements stay in the file.
  mutating func array(in file: MappedFile, depth: Int) throws(CheckpointError) -> GGUFArray {
    guard depth <= Self.depthLimit else {
      throw error(.limit, "arrays nested deeper than \(Self.depthLimit) levels")
    }
    let type = try valueType("the type of array elements")
    let count = try count("the number of array elements", each: type.leastBytes)
    let start = position
    switch type {
    case .string: for _ in 0..<count { _ = try stringRange("an array element") }
    case .array: for _ in 0..<count { _ = try array(in: file, depth: depth + 1) }
    default: position += count * type.leastBytes
    }
    return GGUFArray(
      elementType: type, count: count, file: file, range: start..<position, subject: subject, depth: depth)
  }
}
