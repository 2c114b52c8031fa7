/// The types of metadata values, by their number in the file.
public enum GGUFValueType: UInt32, Sendable, Hashable {
  case uint8 = 0, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// Bytes of a value; for strings and arrays the bytes of an empty one.
  var leastBytes: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}

/// A metadata value of a GGUF file.
public enum GGUFValue: Sendable {
  case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32), uint64(UInt64)
  case int64(Int64), float32(Float), float64(Double), bool(Bool), string(String), array(GGUFArray)

  /// The value of any integer type that fits into Int; nil for other types.
  public var int: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    default: nil
    }
  }

  /// The value of a floating-point or integer type; nil for other types.
  public var double: Double? {
    switch self {
    case .float32(let value): Double(value)
    case .float64(let value): value
    case .uint64(let value): Double(value)
    default: int.map(Double.init)
    }
  }

  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var array: GGUFArray? { if case .array(let value) = self { value } else { nil } }

  /// The value as it stands in messages: `uint32 30`, `string "llama"`, `array of 49,152 string values`.
  public var summary: String {
    switch self {
    case .uint8(let value): "uint8 \(value)"
    case .int8(let value): "int8 \(value)"
    case .uint16(let value): "uint16 \(value)"
    case .int16(let value): "int16 \(value)"
    case .uint32(let value): "uint32 \(value)"
    case .int32(let value): "int32 \(value)"
    case .uint64(let value): "uint64 \(value)"
    case .int64(let value): "int64 \(value)"
    case .float32(let value): "float32 \(value)"
    case .float64(let value): "float64 \(value)"
    case .bool(let value): "\(value)"
    case .string(let value): "string \"\(printable(value))\""
    case .array(let value): "array of \(grouped(value.count)) \(value.elementType) values"
    }
  }
}

/// An array of a GGUF file's metadata. Its elements stay in the file and are decoded when asked for: a vocabulary costs
/// nothing until it is read.
///
/// Invariant: `range` was walked once at opening and holds `count` elements. Reading checks again, since the file
/// belongs to others.
public struct GGUFArray: Sendable {
  public let elementType: GGUFValueType
  public let count: Int
  let file: MappedFile
  let range: Range<Int>
  let subject: String?
  let depth: Int

  /// All elements, decoded.
  public func values() throws(CheckpointError) -> [GGUFValue] {
    try decode { cursor throws(CheckpointError) in
      if elementType == .array { return .array(try cursor.array(in: file, depth: depth + 1)) }
      return try cursor.value(of: elementType, in: file)
    }
  }

  /// The elements of an array of strings; nil for other types.
  ///
  /// - Throws: ``CheckpointError`` for a string that is not valid UTF-8.
  public func strings() throws(CheckpointError) -> [String]? {
    guard elementType == .string else { return nil }
    return try decode { cursor throws(CheckpointError) in try cursor.string("an array element") }
  }

  /// The elements of an array of any integer type; nil for other types and for numbers beyond Int.
  public func integers() throws(CheckpointError) -> [Int]? {
    switch elementType {
    case .uint32: return try decode { cursor throws(CheckpointError) in Int(try cursor.integer("", as: UInt32.self)) }
    case .int32: return try decode { cursor throws(CheckpointError) in Int(try cursor.integer("", as: Int32.self)) }
    case .uint8, .int8, .uint16, .int16, .uint64, .int64:
      let all = try values().compactMap(\.int)
      return all.count == count ? all : nil
    default: return nil
    }
  }

  private func decode<T>(
    _ element: (inout GGUFCursor) throws(CheckpointError) -> T
  ) throws(CheckpointError) -> [T] {
    try file.withBytes { bytes throws(CheckpointError) in
      let part = UnsafeRawBufferPointer(rebasing: bytes[..<range.upperBound])
      var cursor = GGUFCursor(path: file.path, bytes: part, position: range.lowerBound, subject: subject)
      var result: [T] = []
      result.reserveCapacity(count)
      for _ in 0..<count { result.append(try element(&cursor)) }
      return result
    }
  }
}
