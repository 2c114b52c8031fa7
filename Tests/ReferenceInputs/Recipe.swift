import Tensors

/// How an input's elements are made; `Tests/Fixtures/references/recipes.py` says what each means and makes the same.
public enum Recipe: Sendable, Hashable {
  /// Sign, one of four binades up to `top`, fraction: all random; without sign when positive.
  /// - rows: the indices of the first axis that are filled; nil for all.
  case floats(top: Int, isPositive: Bool, rows: [Int]?)
  /// Each row a permutation of 0 ..< n, as (rank - n / 2) * step.
  case ranks(step: Float)
  case probabilities
  case values([Double])
  case scalar(Double)
  case zeros
}

/// A recipe that does not fit its tensor.
public struct RecipeError: Error, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// Random bits by position, as `CounterRandom` of Benchmarking makes them (a test compares the two). Here once more because
/// inputs of a gigabyte must be made quickly in debug builds, which needs the loops and the bits in one optimised module.
public struct PositionBits: Sendable {
  private let key: UInt64

  public init(seed: UInt64, name: String) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    key = hash ^ Self.mix(seed)
  }

  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  @inline(__always)
  public func bits(_ i: Int) -> UInt64 {
    Self.mix(key &+ (UInt64(truncatingIfNeeded: i) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// A permutation of 0 ..< count, by Fisher and Yates.
  public func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(i, Int(((bits(i) >> 32) &* UInt64(i + 1)) >> 32))
    }
    return order
  }
}

extension Recipe {
  /// Makes the tensor.
  /// - name: `<definition>/<case>/<input>`, the key of its random bits.
  /// - parallel: runs a body for 0 ..< count, on any threads.
  /// - Throws: when the recipe does not fit the shape or the type.
  public func tensor(
    named name: String, _ dtype: DType, _ shape: [Int], parallel: (_ count: Int, _ body: (Int) -> Void) -> Void
  ) throws(RecipeError) -> Tensor {
    let tensor = Tensor(dtype, Shape(shape))
    switch self {
    case .zeros: break
    case .scalar: throw RecipeError("\(name): a scalar recipe for a tensor")
    case .values(let values):
      guard values.count == tensor.count else {
        throw RecipeError("\(name): \(values.count) values for shape \(shape)")
      }
      for (i, value) in values.enumerated() { tensor.setBits(dtype.encode(exactly: value), at: i) }
    case .ranks(let step):
      guard shape.count == 2 else { throw RecipeError("\(name): ranks for shape \(shape)") }
      for row in 0..<shape[0] {
        let order = PositionBits(seed: 1, name: "\(name)/\(row)").permutation(shape[1])
        for (i, rank) in order.enumerated() {
          tensor.setBits(dtype.encode(Float(rank - shape[1] / 2) * step), at: row * shape[1] + i)
        }
      }
    case .probabilities:
      guard shape.count == 2, dtype == .float32 else { throw RecipeError("\(name): probabilities for \(shape)") }
      parallel(shape[0]) { row in
        fillProbabilities(
          tensor.elements(as: Float.self) + row * shape[1], PositionBits(seed: 1, name: "\(name)/\(row)"), shape[1])
      }
    case .floats(let top, let isPositive, let rows):
      guard let layout = FloatLayout(dtype) else { throw RecipeError("\(name): random floats of \(dtype.rawValue)") }
      let perRow = shape.first.map { $0 == 0 ? 0 : tensor.count / $0 } ?? 0
      let filled = rows.map { $0.map { $0 * perRow..<($0 + 1) * perRow } } ?? [0..<tensor.count]
      guard filled.allSatisfy({ $0.upperBound <= tensor.count }) else {
        throw RecipeError("\(name): rows \(rows ?? [])")
      }
      let piece = 1 << 20
      for range in filled {
        parallel((range.count + piece - 1) / piece) { i in
          let start = range.lowerBound + i * piece
          layout.fill(
            tensor.pointer, start..<min(range.upperBound, start + piece), PositionBits(seed: 1, name: name),
            top: top, isPositive: isPositive)
        }
      }
    }
    return tensor
  }
}

/// weight = (2^20 + 20 bits) * 4^(leading zeros of 20 more bits, at most 17), over their sum.
private func fillProbabilities(_ out: UnsafeMutablePointer<Float>, _ random: PositionBits, _ count: Int) {
  var total: UInt64 = 0
  for pass in 0..<2 {
    for i in 0..<count {
      let bits = random.bits(i), field = bits >> 20 & 0xF_FFFF | 4
      let weight = (bits & 0xF_FFFF | 0x10_0000) << UInt64(2 * (field.leadingZeroBitCount - 44))
      if pass == 0 { total += weight } else { out[i] = Float(weight) / Float(total) }
    }
  }
}

/// Where a float type keeps its exponent.
private struct FloatLayout {
  let width: Int, fraction: Int, bias: Int

  init?(_ dtype: DType) {
    switch dtype {
    case .float32: (width, fraction, bias) = (32, 23, 127)
    case .bfloat16: (width, fraction, bias) = (16, 7, 127)
    case .float16: (width, fraction, bias) = (16, 10, 15)
    case .float8_e4m3fn: (width, fraction, bias) = (8, 3, 7)
    default: return nil
    }
  }

  func fill(
    _ out: UnsafeMutableRawPointer, _ range: Range<Int>, _ random: PositionBits, top: Int, isPositive: Bool
  ) {
    switch width {
    case 32: fill(out.assumingMemoryBound(to: UInt32.self), range, random, top, isPositive)
    case 16: fill(out.assumingMemoryBound(to: UInt16.self), range, random, top, isPositive)
    default: fill(out.assumingMemoryBound(to: UInt8.self), range, random, top, isPositive)
    }
  }

  /// Element i takes lane i % lanes of number i / lanes.
  @inline(__always)
  private func fill<T: FixedWidthInteger & UnsignedInteger>(
    _ out: UnsafeMutablePointer<T>, _ range: Range<Int>, _ random: PositionBits, _ top: Int, _ isPositive: Bool
  ) {
    let lanes = 64 / T.bitWidth
    let sign: T = isPositive ? 0 : 1 << (T.bitWidth - 1), keep: T = (1 << T(fraction)) - 1
    let low = T(bias + top - 3), shift = T(fraction)
    var i = range.lowerBound
    while i < range.upperBound {
      let first = i / lanes * lanes, number = random.bits(i / lanes)
      let end = min(range.upperBound, first + lanes)
      while i < end {
        let lane = T(truncatingIfNeeded: number >> UInt64((i - first) * T.bitWidth))
        out[i] = lane & sign | (lane >> shift & 3 &+ low) << shift | lane & keep
        i += 1
      }
    }
  }
}

extension DType {
  /// An integer, or a float that the type holds exactly.
  fileprivate func encode(exactly value: Double) -> UInt64 {
    isFloatingPoint ? encode(Float(value)) : UInt64(bitPattern: Int64(value))
  }
}
