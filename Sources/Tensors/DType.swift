/// The type of a tensor's elements. Raw values are the wire names of FlashInfer-Trace.
public enum DType: String, Sendable, Hashable, CaseIterable, Codable {
  case float32, float16, bfloat16
  case float8_e4m3fn, float8_e5m2, float4_e2m1
  case int64, int32, int16, int8, bool

  /// Bits of one element; `float4_e2m1` packs two elements into a byte.
  public var bitWidth: Int {
    switch self {
    case .int64: 64
    case .float32, .int32: 32
    case .float16, .bfloat16, .int16: 16
    case .float8_e4m3fn, .float8_e5m2, .int8, .bool: 8
    case .float4_e2m1: 4
    }
  }

  /// Bytes that `count` contiguous elements take.
  @inlinable public func byteCount(of count: Int) -> Int { (count &* bitWidth &+ 7) / 8 }

  public var isFloatingPoint: Bool {
    switch self {
    case .float32, .float16, .bfloat16, .float8_e4m3fn, .float8_e5m2, .float4_e2m1: true
    case .int64, .int32, .int16, .int8, .bool: false
    }
  }
}
