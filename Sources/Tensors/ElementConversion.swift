/// Reading and writing elements of any type as float32 or Int: for references, generators and checks, not for inner loops.
extension DType {
  /// The bits of one element that is nearest to `value`, ties to even; out of range becomes infinity, or the largest
  /// finite value where the type has no infinity (`float8_e4m3fn`, `float4_e2m1`). Integer types truncate and clamp.
  public func encode(_ value: Float) -> UInt64 {
    switch self {
    case .float32: UInt64(value.bitPattern)
    case .float16: UInt64(Float16(value).bitPattern)
    case .bfloat16: UInt64(Self.bfloat16Bits(value))
    case .float8_e4m3fn: UInt64(SmallFloat.e4m3fn.encode(value))
    case .float8_e5m2: UInt64(SmallFloat.e5m2.encode(value))
    case .float4_e2m1: UInt64(SmallFloat.e2m1.encode(value))
    case .bool: value == 0 ? 0 : 1
    case .int8: UInt64(truncatingIfNeeded: Int8(clampedTo: value))
    case .int16: UInt64(truncatingIfNeeded: Int16(clampedTo: value))
    case .int32: UInt64(truncatingIfNeeded: Int32(clampedTo: value))
    case .int64: UInt64(truncatingIfNeeded: Int64(clampedTo: value))
    }
  }

  /// The value of one element's bits.
  public func decode(_ bits: UInt64) -> Float {
    switch self {
    case .float32: Float(bitPattern: UInt32(truncatingIfNeeded: bits))
    case .float16: Float(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
    case .bfloat16: Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16)
    case .float8_e4m3fn: SmallFloat.e4m3fn.decode(UInt8(truncatingIfNeeded: bits))
    case .float8_e5m2: SmallFloat.e5m2.decode(UInt8(truncatingIfNeeded: bits))
    case .float4_e2m1: SmallFloat.e2m1.decode(UInt8(truncatingIfNeeded: bits) & 15)
    case .bool, .int8, .int16, .int32, .int64: Float(decodeInteger(bits))
    }
  }

  /// The value of an integer or boolean element's bits.
  public func decodeInteger(_ bits: UInt64) -> Int {
    switch self {
    case .bool: bits & 0xFF == 0 ? 0 : 1
    case .int8: Int(Int8(truncatingIfNeeded: bits))
    case .int16: Int(Int16(truncatingIfNeeded: bits))
    case .int32: Int(Int32(truncatingIfNeeded: bits))
    default: Int(Int64(truncatingIfNeeded: bits))
    }
  }

  static func bfloat16Bits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }
}

extension FixedWidthInteger {
  fileprivate init(clampedTo value: Float) {
    self =
      value.isNaN ? 0 : Self(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
  }
}

/// A float of at most 8 bits: sign, exponent, fraction.
struct SmallFloat {
  let exponentBits: Int, fractionBits: Int
  /// Bits (without sign) of the largest finite value.
  let largest: UInt8
  /// Bits (without sign) of infinity, where the type has it.
  let infinity: UInt8?
  /// Bits (without sign) of a NaN, where the type has one.
  let nan: UInt8?

  static let e4m3fn = SmallFloat(exponentBits: 4, fractionBits: 3, largest: 0x7E, infinity: nil, nan: 0x7F)
  static let e5m2 = SmallFloat(exponentBits: 5, fractionBits: 2, largest: 0x7B, infinity: 0x7C, nan: 0x7F)
  static let e2m1 = SmallFloat(exponentBits: 2, fractionBits: 1, largest: 7, infinity: nil, nan: nil)

  private var bias: Int { (1 << (exponentBits - 1)) - 1 }
  private var signBit: UInt8 { 1 << UInt8(exponentBits + fractionBits) }

  func decode(_ bits: UInt8) -> Float {
    let magnitude = bits & (signBit - 1), negative = bits & signBit != 0
    let value: Float
    if let nan, magnitude == nan || infinity.map({ magnitude > $0 }) == true {
      return .nan
    } else if magnitude == infinity {
      value = .infinity
    } else {
      let fraction = Float(magnitude & ((1 << UInt8(fractionBits)) - 1)),
        exponent = Int(magnitude >> UInt8(fractionBits))
      let unit = Float(sign: .plus, exponent: max(exponent, 1) - bias - fractionBits, significand: 1)
      value = (fraction + (exponent == 0 ? 0 : Float(1 << fractionBits))) * unit
    }
    return negative ? -value : value
  }

  /// Nearest, ties to even. Beyond the largest: infinity where there is one (as IEEE rounds), else the largest.
  func encode(_ value: Float) -> UInt8 {
    let sign: UInt8 = value.sign == .minus ? signBit : 0
    if value.isNaN { return sign | (nan ?? largest) }
    let magnitude = abs(value)
    if magnitude == .infinity { return sign | (infinity ?? largest) }
    if magnitude == 0 { return sign }
    // Spacing of representable values around the magnitude.
    let exponent = max(magnitude.isNormal ? Int(magnitude.exponent) : -126, 1 - bias)
    let unit = Float(sign: .plus, exponent: exponent - fractionBits, significand: 1)
    let steps = Int((magnitude / unit).rounded(.toNearestOrEven))  // at most 2 << fractionBits
    // Steps count from the start of the binade; a carry moves into the next one by itself.
    let bits = (exponent + bias - 1) << fractionBits + steps
    if bits > Int(largest) { return sign | (infinity ?? largest) }
    return sign | UInt8(bits)
  }
}

extension Tensor {
  /// A contiguous tensor of a floating or integer type, each element the nearest to its value.
  /// - Precondition: as many values as elements.
  public init(_ dtype: DType, _ shape: Shape, rounding values: [Float]) {
    self.init(dtype, shape)
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    for (i, value) in values.enumerated() { setBits(dtype.encode(value), at: i) }
  }

  /// The bits of contiguous element `i`.
  public func bits(at i: Int) -> UInt64 {
    switch dtype.bitWidth {
    case 64: UInt64(elements(as: UInt64.self)[i])
    case 32: UInt64(elements(as: UInt32.self)[i])
    case 16: UInt64(elements(as: UInt16.self)[i])
    case 8: UInt64(elements(as: UInt8.self)[i])
    default: UInt64(elements(as: UInt8.self)[i >> 1] >> (i & 1 == 0 ? 0 : 4)) & 15
    }
  }

  /// Writes the bits of contiguous element `i`. The lower half of a byte comes first for 4-bit types.
  public func setBits(_ bits: UInt64, at i: Int) {
    switch dtype.bitWidth {
    case 64: elements(as: UInt64.self)[i] = bits
    case 32: elements(as: UInt32.self)[i] = UInt32(truncatingIfNeeded: bits)
    case 16: elements(as: UInt16.self)[i] = UInt16(truncatingIfNeeded: bits)
    case 8: elements(as: UInt8.self)[i] = UInt8(truncatingIfNeeded: bits)
    default:
      let shift = UInt8(i & 1 == 0 ? 0 : 4), byte = elements(as: UInt8.self) + (i >> 1)
      byte.pointee = byte.pointee & ~(15 << shift) | (UInt8(truncatingIfNeeded: bits) & 15) << shift
    }
  }

  /// All elements of a contiguous tensor as float32, whatever their type.
  public var values: [Float] {
    switch dtype {
    case .float32, .float16, .bfloat16: return floats
    default: return (0..<count).map { dtype.decode(bits(at: $0)) }
    }
  }

  /// All elements of a contiguous integer or boolean tensor.
  public var integers: [Int] {
    precondition(!dtype.isFloatingPoint && isContiguous, "\(dtype) is read as integers")
    return (0..<count).map { dtype.decodeInteger(bits(at: $0)) }
  }
}
