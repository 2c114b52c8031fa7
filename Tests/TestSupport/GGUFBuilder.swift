/// Writes GGUF files as a test wants them: right by default, wrong where the test says so.
///
///     var file = GGUFBuilder()
///     file.keys = [("general.name", .string("x"))]
///     file.tensors = [.init("w", [32], .f32)]
///     let bytes = file.build()
public struct GGUFBuilder {
  public var magic: [UInt8] = Array("GGUF".utf8)
  public var version: UInt32 = 3
  /// What the header claims; nil is the truth.
  public var claimedTensors: UInt64?, claimedKeys: UInt64?
  public var keys: [(String, Value)] = []
  public var tensors: [Tensor] = []
  public var alignment = 32

  public init() {}

  /// A value with its type's number, as bytes: also such that no reader should take.
  public struct Value {
    public var type: UInt32
    public var bytes: [UInt8]
    public init(type: UInt32, bytes: [UInt8]) { (self.type, self.bytes) = (type, bytes) }

    public static func uint32(_ value: UInt32) -> Value { Value(type: 4, bytes: little(value)) }
    public static func int32(_ value: Int32) -> Value { Value(type: 5, bytes: little(value)) }
    public static func float32(_ value: Float) -> Value { Value(type: 6, bytes: little(value.bitPattern)) }
    public static func bool(_ value: Bool) -> Value { Value(type: 7, bytes: [value ? 1 : 0]) }
    public static func string(_ value: String) -> Value { Value(type: 8, bytes: GGUFBuilder.string(value)) }
    public static func uint64(_ value: UInt64) -> Value { Value(type: 10, bytes: little(value)) }
    /// - claimed: the number of elements written in the header of the array; nil is the truth.
    public static func array(of type: UInt32, _ elements: [Value], claimed: UInt64? = nil) -> Value {
      Value(type: 9, bytes: little(type) + little(claimed ?? UInt64(elements.count)) + elements.flatMap(\.bytes))
    }
    public static func strings(_ values: [String]) -> Value { array(of: 8, values.map { .string($0) }) }
    public static func int32s(_ values: [Int32]) -> Value { array(of: 5, values.map { .int32($0) }) }
  }

  public struct Tensor {
    public var name: String
    /// Innermost first, as in the file.
    public var extents: [UInt64]
    public var type: UInt32
    /// nil: where the data before ends, aligned.
    public var offset: UInt64?
    public var data: [UInt8]
    /// nil is the truth.
    public var claimedRank: UInt32?

    /// - data: nil writes as many bytes as shape and type need, taken from a fixed sequence.
    public init(_ name: String, _ extents: [UInt64], _ kind: Kind, data: [UInt8]? = nil) {
      (self.name, self.extents, type) = (name, extents, kind.number)
      self.data = data ?? Self.filling(extents, kind)
    }

    private static func filling(_ extents: [UInt64], _ kind: Kind) -> [UInt8] {
      let blocks = Int(extents.reduce(1, *)) / kind.blockElements
      // 0x2C every second byte keeps any two of them a small float16 and any four a small float32.
      return (0..<blocks * kind.blockBytes).map { $0 % 2 == 1 ? 0x2C : UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    }
  }

  /// The tensor types that are supported: number in the file, elements and bytes of a block.
  public struct Kind: Sendable {
    public let number: UInt32
    public let blockElements: Int, blockBytes: Int
    public static let f32 = Kind(number: 0, blockElements: 1, blockBytes: 4)
    public static let f16 = Kind(number: 1, blockElements: 1, blockBytes: 2)
    public static let q4_0 = Kind(number: 2, blockElements: 32, blockBytes: 18)
    public static let q4_1 = Kind(number: 3, blockElements: 32, blockBytes: 20)
    public static let q8_0 = Kind(number: 8, blockElements: 32, blockBytes: 34)
    public static let q4_k = Kind(number: 12, blockElements: 256, blockBytes: 144)
    public static let q5_k = Kind(number: 13, blockElements: 256, blockBytes: 176)
    public static let q6_k = Kind(number: 14, blockElements: 256, blockBytes: 210)
    public static let bf16 = Kind(number: 30, blockElements: 1, blockBytes: 2)
  }

  public func build() -> [UInt8] {
    let (head, data) = sections()
    return head + data
  }

  /// The header up to and with its padding, and the data.
  public func sections() -> (header: [UInt8], data: [UInt8]) {
    var head = magic + little(version) + little(claimedTensors ?? UInt64(tensors.count))
    head += little(claimedKeys ?? UInt64(keys.count))
    for (key, value) in keys { head += Self.string(key) + little(value.type) + value.bytes }
    var data: [UInt8] = []
    for tensor in tensors {
      data += [UInt8](repeating: 0, count: (alignment - data.count % alignment) % alignment)
      head += Self.string(tensor.name) + little(tensor.claimedRank ?? UInt32(tensor.extents.count))
      head += tensor.extents.flatMap { little($0) } + little(tensor.type) + little(tensor.offset ?? UInt64(data.count))
      data += tensor.data
    }
    head += [UInt8](repeating: 0, count: (alignment - head.count % alignment) % alignment)
    return (head, data)
  }

  static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
}

/// The bytes of an integer, lowest first.
public func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
