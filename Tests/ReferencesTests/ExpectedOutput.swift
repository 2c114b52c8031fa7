import Glibc
import JSONText
import ReferenceInputs
import Tensors
import Testing

/// One output of a Python reference as a fixture stores it.
struct ExpectedOutput {
  let shape: [Int], stride: Int, sample: [Float], sums: [Double], norms: [Double], infinite: Int
  let dtype: DType

  init(_ json: JSONValue, _ dtype: DType) throws {
    self.dtype = dtype
    shape = try #require(json["shape"]?.array).compactMap(\.int)
    stride = try #require(json["stride"]?.int)
    sums = try #require(json["sums"]?.array).compactMap(\.double)
    norms = try #require(json["norms"]?.array).compactMap(\.double)
    infinite = try #require(json["infinite"]?.int)
    let digits = Array(try #require(json["sample"]?.string).utf8), width = dtype.bitWidth / 4
    sample = try Swift.stride(from: 0, to: digits.count, by: width).map { at in
      let text = String(decoding: digits[at..<at + width], as: UTF8.self)
      return dtype.decode(try #require(UInt64(text, radix: 16)))
    }
  }

  /// The distance to the next value of the type, relative to the value: at most this.
  private var unit: Double {
    switch dtype {
    case .bfloat16: 0x1p-7
    case .float16: 0x1p-10
    default: 0x1p-18  // float32 results of sums in another order
    }
  }

  /// What is wrong with a tensor: sentences. Elements may differ by one unit in the last place, and by the rounding errors
  /// of sums in float32 (a hundred thousandth of a row's typical element).
  func differences(from tensor: Tensor) -> [String] {
    guard tensor.shape.array == shape else { return ["the shape is \(tensor.shape), expected \(shape)"] }
    let found = OutputSummary(tensor, stride: stride)
    var problems: [String] = []
    if found.hasNaN { problems.append("there is a NaN") }
    if found.infinite != infinite { problems.append("\(found.infinite) elements are infinite, expected \(infinite)") }
    let width = shape.dropFirst().reduce(1, *)
    for (i, expected) in sample.enumerated() {
      let row = i * stride / width, typical = norms[row] / Double(width).squareRoot()
      let allowed = unit * Double(abs(expected)) + 2e-5 * typical
      let isSame = expected == found.sample[i] || abs(Double(expected) - Double(found.sample[i])) <= allowed
      if !isSame { problems.append("element \(i * stride) is \(found.sample[i]), expected \(expected)") }
    }
    for row in sums.indices {
      let allowed = unit * norms[row] + 1e-12
      if abs(found.sums[row] - sums[row]) > allowed || abs(found.norms[row] - norms[row]) > allowed {
        problems.append(
          "row \(row) has sum \(found.sums[row]) and norm \(found.norms[row]), expected \(sums[row]) and \(norms[row])")
      }
    }
    return problems.count > 5 ? Array(problems.prefix(5)) + ["… \(problems.count) in all"] : problems
  }
}
