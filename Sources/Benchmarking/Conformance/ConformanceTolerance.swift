import Tensors
import Traces

/// How far the outputs of a kernel may be from the oracle's: docs/gpu-kernels.md, "Definitions".
///
/// A unit is the distance of neighbouring numbers of an output's type at the largest value of the element's row (its last
/// axis). Errors are told as shares of what is allowed: 1 is the most that agrees.
public enum ConformanceTolerance {
  /// How elements of an output are compared.
  enum Rule: Equatable {
    /// The same bits; one NaN is as good as another.
    case exact
    /// At most so many representable numbers apart.
    case neighbours(Int)
    /// Within so many units of the row.
    case units(Double)
    /// Within a share of the number, or of 1: for logarithms of sums.
    case logarithm(Double)
    /// A token that the draw may give when sums are taken in float32.
    case draw
  }

  /// What a unit of float32 is: kernels also compute in it, so their sums and products are not rounded once but often.
  static let float32Units = 8.0
  /// Of a logarithm of sums, for scores are sums of products of narrow numbers.
  static let logarithmShare = 0x1p-13

  static func rule(for output: String, of definition: Definition) -> Rule {
    guard let dtype = definition.outputs[output]?.dtype else { return .exact }
    switch definition.opType {
    case "embedding": return .exact
    case "kv_store": return dtype == .float8_e4m3fn ? .neighbours(1) : .exact
    case "sampling": return .draw
    case "gqa_paged", "gqa_ragged": return output == "lse" ? .logarithm(logarithmShare) : .units(2)
    case "gemm": return .units(dtype == .float32 ? 2 * float32Units : 2)
    case "merge_states" where output == "s_merged": return .logarithm(0x1p-20)
    default: return .units(dtype == .float32 ? float32Units : 1)
    }
  }

  /// The worst element of an output.
  public struct Finding: Sendable, Hashable {
    /// Its error as a share of what is allowed; infinite where a number is expected and none was found.
    public var error = 0.0
    /// What was found there, and what is right; nil when nothing differs.
    public var sentence: String?
    public var agrees: Bool { error <= 1 }
  }

  /// - found, oracle: contiguous, of the output's type and shape.
  public static func compare(
    _ found: Tensor, with oracle: Tensor, output: String, of call: ConformanceCall
  ) -> Finding {
    let rule = rule(for: output, of: call.definition)
    if rule == .draw { return SampledTokens(call).compare(found, with: oracle, output) }
    let width = max(1, oracle.shape.rank == 0 ? 1 : oracle.shape[oracle.shape.rank - 1])
    var worst = Finding()
    for row in stride(from: 0, to: oracle.count, by: width) {
      let places = row..<row + width
      let unit = rule.isByRow ? self.unit(oracle.dtype, places.lazy.map { oracle.value($0) }) : 0
      for i in places {
        if found.bits(at: i) == oracle.bits(at: i) { continue }
        let error = share(found, oracle, i, rule, unit: unit)
        if error > worst.error || worst.sentence == nil && error > 0 {
          worst.error = error
          worst.sentence = "\(output)\(index(i, oracle.shape)) is \(text(found, i)), the oracle has \(text(oracle, i))"
        }
      }
    }
    return worst
  }

  private static func share(_ found: Tensor, _ oracle: Tensor, _ i: Int, _ rule: Rule, unit: Double) -> Double {
    let x = found.value(i), y = oracle.value(i)
    if x.isNaN && y.isNaN { return 0 }
    if case .exact = rule { return .infinity }
    guard x.isFinite, y.isFinite else { return x == y ? 0 : .infinity }
    if x == y { return 0 }
    switch rule {
    case .exact, .draw: return .infinity
    case .neighbours(let count): return Double(abs(found.ordinal(i) - oracle.ordinal(i))) / Double(count)
    case .units(let count): return abs(x - y) / (count * unit)
    case .logarithm(let share): return abs(x - y) / (share * max(1, abs(y)))
    }
  }

  /// The distance of neighbouring numbers at the largest finite magnitude of a row.
  static func unit(_ dtype: DType, _ row: some Swift.Sequence<Double>) -> Double {
    var largest = 0.0
    for value in row where value.isFinite { largest = max(largest, abs(value)) }
    let (fraction, lowest): (Int, Int) =
      switch dtype {
      case .bfloat16: (7, -126)
      case .float16: (10, -14)
      case .float8_e4m3fn: (3, -6)
      case .float8_e5m2: (2, -14)
      default: (23, -126)
      }
    let exponent = largest == 0 ? lowest : max(lowest, Int(largest.exponent))
    return Double(sign: .plus, exponent: exponent - fraction, significand: 1)
  }

  private static func index(_ i: Int, _ shape: Shape) -> String {
    var rest = i, parts: [Int] = []
    for axis in stride(from: shape.rank - 1, through: 0, by: -1) {
      parts.append(rest % max(1, shape[axis]))
      rest /= max(1, shape[axis])
    }
    return "[\(parts.reversed().map(String.init).joined(separator: ", "))]"
  }

  /// An element as a person reads it. What outputs held before the call is named as such.
  private static func text(_ tensor: Tensor, _ i: Int) -> String {
    let value = tensor.value(i)
    if value.isNaN {
      let bits = UInt64(1) << UInt64(tensor.dtype.bitWidth) &- 1
      return tensor.bits(at: i) == bits ? "as it was before the call" : "NaN"
    }
    return "\(Float(value))"
  }
}

extension ConformanceTolerance.Rule {
  fileprivate var isByRow: Bool { if case .units = self { true } else { false } }
}

extension Tensor {
  fileprivate func value(_ i: Int) -> Double {
    dtype.isFloatingPoint ? Double(dtype.decode(bits(at: i))) : Double(dtype.decodeInteger(bits(at: i)))
  }

  /// Representable numbers in order, both zeros at 0.
  fileprivate func ordinal(_ i: Int) -> Int {
    let sign = UInt64(1) << UInt64(dtype.bitWidth - 1), bits = bits(at: i), magnitude = Int(bits & (sign - 1))
    return bits & sign == 0 ? magnitude : -magnitude
  }
}
