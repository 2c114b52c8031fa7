import CCUDA
import Tensors

/// A descriptor for the tensor memory accelerator, before it is encoded: innermost axis first.
///
/// Rules are those of cuTensorMapEncodeTiled, checked here so that the answer says which one was broken.
public struct TensorMapDescriptor: Sendable, Hashable {
  /// Axes that a map may have.
  public static let maximumRank = 5
  /// Bytes of an encoded map, and how it is aligned.
  public static let byteCount = 128, alignment = 64

  public var type: DType
  public var rank: Int
  /// Of the tensor's first element.
  public var address: UInt64
  /// Elements per axis.
  public var extents = InlineExtents()
  /// Bytes from neighbour to neighbour, for axes 1 ..< rank at 0 ..< rank - 1.
  public var strides = InlineExtents()
  /// Elements per axis that one copy moves, and the step between them.
  public var box = InlineExtents(), elementStrides = InlineExtents()
  /// Bytes: 0, 32, 64, 128; 0, 16, 32; 0, 64, 128, 256.
  public var swizzle: Int, interleave: Int, l2Promotion: Int
  /// 0 zeros, 1 not-a-number.
  public var fill: Int

  /// Five numbers without an allocation.
  public struct InlineExtents: Sendable, Hashable {
    var lanes = SIMD8<Int>()
    public init() {}
    public init(_ values: [Int]) { for (i, value) in values.prefix(8).enumerated() { lanes[i] = value } }
    public subscript(index: Int) -> Int {
      get { lanes[index] }
      set { lanes[index] = newValue }
    }
  }

  public init(
    type: DType, rank: Int, address: UInt64, swizzle: Int = 0, interleave: Int = 0, l2Promotion: Int = 0, fill: Int = 0
  ) {
    (self.type, self.rank, self.address) = (type, rank, address)
    (self.swizzle, self.interleave, self.l2Promotion, self.fill) = (swizzle, interleave, l2Promotion, fill)
  }

  /// The first rule that is broken; nil when it can be encoded.
  public var fault: String? {
    guard Self.types[type] != nil else { return "\(type.rawValue) elements cannot be copied by tensor maps" }
    guard rank >= 1, rank <= Self.maximumRank else { return "\(rank) axes, expected one to \(Self.maximumRank)" }
    guard let swizzleCode = [0, 32, 64, 128].firstIndex(of: swizzle) else {
      return "a swizzle of \(swizzle) bytes, expected 0, 32, 64 or 128"
    }
    guard [0, 16, 32].contains(interleave) else { return "an interleave of \(interleave) bytes, expected 0, 16 or 32" }
    guard [0, 64, 128, 256].contains(l2Promotion) else { return "an L2 promotion of \(l2Promotion) bytes" }
    if interleave != 0 && rank < 3 { return "an interleaved map has three axes or more, not \(rank)" }
    if interleave == 32 && swizzleCode != 1 { return "an interleave of 32 bytes wants a swizzle of 32 bytes" }
    if fill != 0 && (!type.isFloatingPoint || type.bitWidth < 16) {
      return "only floating-point elements can be filled with not-a-number"
    }
    let grain = interleave == 32 ? 32 : 16
    if address % UInt64(grain) != 0 { return "the address is not a multiple of \(grain) bytes" }
    let width = type.bitWidth / 8
    for axis in 0..<rank {
      if extents[axis] < 1 || extents[axis] > 1 << 32 {
        return "axis \(axis) has \(extents[axis]) elements, expected 1 to 2^32"
      }
      if box[axis] < 1 || box[axis] > 256 {
        return "axis \(axis) of the box has \(box[axis]) elements, expected 1 to 256"
      }
      if elementStrides[axis] < 1 || elementStrides[axis] > 8 {
        return "axis \(axis) has an element stride of \(elementStrides[axis]), expected 1 to 8"
      }
    }
    for axis in 0..<(rank - 1) where strides[axis] < 0 || strides[axis] % grain != 0 || strides[axis] >= 1 << 40 {
      return
        "neighbours on axis \(axis + 1) are \(strides[axis]) bytes apart, expected a multiple of \(grain) below 2^40"
    }
    if interleave == 0 {
      let inner = box[0] * width
      if inner % 16 != 0 { return "the box is \(inner) bytes wide, expected a multiple of 16" }
      if swizzle != 0 && inner > swizzle {
        return "the box is \(inner) bytes wide, wider than the swizzle of \(swizzle)"
      }
    }
    return nil
  }

  /// Writes the 128 bytes.
  /// - destination: 128 bytes, aligned to 64.
  /// - Throws: `invalid` with the rule that is broken, or what the driver says.
  public func encode(_ driver: CUDADriver, into destination: UnsafeMutableRawPointer) throws(CUDAError) {
    if let fault { throw CUDAError(.invalid, call: "cuTensorMapEncodeTiled", fault) }
    let extents = SIMD8<UInt64>(truncatingIfNeeded: extents.lanes)
    let strides = SIMD8<UInt64>(truncatingIfNeeded: strides.lanes)
    let box = SIMD8<UInt32>(truncatingIfNeeded: box.lanes)
    let elementStrides = SIMD8<UInt32>(truncatingIfNeeded: elementStrides.lanes)
    try driver.call(driver.functions.tensorMapEncode) { encode in
      withUnsafeBytes(of: extents) { extents in
        withUnsafeBytes(of: strides) { strides in
          withUnsafeBytes(of: box) { box in
            withUnsafeBytes(of: elementStrides) { elementStrides in
              encode(
                destination, Self.types[type] ?? 0, UInt32(rank), address,
                extents.assumingMemoryBound(to: UInt64.self).baseAddress,
                strides.assumingMemoryBound(to: UInt64.self).baseAddress,
                box.assumingMemoryBound(to: UInt32.self).baseAddress,
                elementStrides.assumingMemoryBound(to: UInt32.self).baseAddress, Int32(interleave / 16),
                Int32([0, 32, 64, 128].firstIndex(of: swizzle) ?? 0),
                Int32([0, 64, 128, 256].firstIndex(of: l2Promotion) ?? 0), Int32(fill))
            }
          }
        }
      }
    }
  }

  /// The driver's numbers of element types; one-byte floating-point types travel as bytes.
  private static let types: [DType: Int32] = [
    .int8: 0, .bool: 0, .float8_e4m3fn: 0, .float8_e5m2: 0, .int16: 1, .int32: 3, .int64: 5, .float16: 6, .float32: 7,
    .bfloat16: 9,
  ]
}
