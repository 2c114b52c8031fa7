import Tensors

/// What a fixture stores of an output, computed from a tensor.
public struct OutputSummary: Sendable {
  /// Elements 0, stride, 2 * stride …
  public let sample: [Float]
  /// Of each index of the first axis: the sum of its finite elements under random signs, and their norm.
  public let sums: [Double], norms: [Double]
  /// Elements that are not finite.
  public let infinite: Int
  /// Whether any element is NaN.
  public let hasNaN: Bool

  /// - tensor: contiguous, float32, bfloat16 or float16.
  public init(_ tensor: Tensor, stride: Int) {
    let values = tensor.floatArray
    let rows = tensor.shape[0], width = rows == 0 ? 0 : values.count / rows
    let random = PositionBits(seed: 1, name: "checksum")
    let signs = (0..<width).map { random.bits($0) & 1 == 0 ? 1.0 : -1.0 }
    var sums = [Double](repeating: 0, count: rows), norms = sums, infinite = 0, hasNaN = false
    for row in 0..<rows {
      for i in 0..<width {
        let value = values[row * width + i]
        hasNaN = hasNaN || value.isNaN
        guard value.isFinite else {
          infinite += 1
          continue
        }
        sums[row] += Double(value) * signs[i]
        norms[row] += Double(value) * Double(value)
      }
      norms[row].formSquareRoot()
    }
    (self.sums, self.norms, self.infinite, self.hasNaN) = (sums, norms, infinite, hasNaN)
    sample = Swift.stride(from: 0, to: values.count, by: stride).map { values[$0] }
  }
}

extension Tensor {
  /// The elements as float32; quick in debug builds, unlike `values`.
  fileprivate var floatArray: [Float] {
    switch dtype {
    case .bfloat16:
      let bits = elements(as: UInt16.self)
      return (0..<count).map { Float(bitPattern: UInt32(bits[$0]) << 16) }
    case .float16:
      let bits = elements(as: UInt16.self)
      return (0..<count).map { Float(Float16(bitPattern: bits[$0])) }
    default: return values
    }
  }
}
