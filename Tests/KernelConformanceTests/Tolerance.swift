import Checkpoints
import KernelRuntime
import Tensors
import Traces

/// How far a solution may be from the oracle, per operation and element.
enum Tolerance {
  /// The first element of an output that is too far from the oracle's; nil when all agree.
  /// - bounds: of a solution that computes attention in integers.
  static func disagreement(
    _ problem: Problem, _ name: String, _ found: Tensor, oracle: Tensor, bounds: AttentionBounds? = nil
  ) -> String? {
    if sameBits(found, oracle) { return nil }
    if !found.dtype.isFloatingPoint || isExact(problem.definition.opType) {
      return "\(name) differs from the oracle's, expected the same bits"
    }
    let x = found.floats, y = oracle.floats, allowed = bounds?.allowance(name) ?? allowance(problem, oracle: y)
    for i in x.indices where !(abs(x[i] - y[i]) <= allowed(i)) {
      return "\(name)[\(i)] is \(x[i]), the oracle has \(y[i]), allowed are \(allowed(i))"
    }
    return nil
  }

  /// Copies and conversions have one right answer.
  private static func isExact(_ operation: String) -> Bool {
    ["embedding", "kv_store", "sampling"].contains(operation)
  }

  /// The allowed absolute difference of element i.
  private static func allowance(_ problem: Problem, oracle: [Float]) -> (Int) -> Float {
    switch problem.definition.opType {
    case "gemm":
      let bounds = GemmBounds(problem)
      return { bounds.allowed[$0] }
    // Sums in another order, and exponentials in float32; in integers `AttentionBounds` say more.
    case "gqa_paged": return { 2e-5 * max(1, abs(oracle[$0])) }
    default: return { 2e-6 * max(1, abs(oracle[$0])) }
    }
  }
}

extension AttentionBounds {
  /// Bounds for a solution of a definition; nil for those that compute in float32.
  init?(of solution: KernelSolution, _ problem: Problem) throws {
    guard [.swiftFast, .swiftFastUnshared].contains(solution.flavor), solution.operation == "gqa_paged",
      problem.tensors["k_cache"]?.dtype != .float32
    else { return nil }
    try self.init(problem)
  }

  func allowance(_ name: String) -> (Int) -> Float {
    let bounds = name == "lse" ? lse : output
    return { bounds[$0] }
  }
}

/// Bounds for each element of a gemm: float formats differ by the order of the sum, block formats also by activations
/// rounded to 16 bits in blocks of 32 (scale max|a| / 32512, so off by at most max|a| / 65024).
struct GemmBounds {
  /// [M, N]
  var allowed: [Float] = []

  init(_ problem: Problem) {
    guard let A = problem.tensors["A"], let B = problem.tensors["B"],
      let format = QuantisedBlocks.format(of: problem.definition)
    else { return }
    let M = A.shape[0], K = A.shape[1], N = B.shape[0]
    let a = A.floats
    var weights = [Float](repeating: 0, count: N * K)
    weights.withUnsafeMutableBufferPointer {
      Dequantization.dequantize(UnsafeRawBufferPointer(start: B.pointer, count: B.byteCount), format: format, into: $0)
    }
    // Σ|w| over each block of 32, and the largest |a| of it.
    let blocks = (K + 31) / 32
    func perBlock(_ x: [Float], _ rows: Int, _ join: (Float, Float) -> Float) -> [Float] {
      var result = [Float](repeating: 0, count: rows * blocks)
      for row in 0..<rows {
        for k in 0..<K { result[row * blocks + k / 32] = join(result[row * blocks + k / 32], abs(x[row * K + k])) }
      }
      return result
    }
    let sums = perBlock(weights, N, +), largest = perBlock(a, M, max)
    let perUnit: Float = (format.isDense ? 0 : 1.01 / 65_024) + 2e-6
    allowed = [Float](repeating: 1e-6, count: M * N)
    for m in 0..<M {
      for n in 0..<N {
        var scale: Float = 0
        for b in 0..<blocks { scale += sums[n * blocks + b] * largest[m * blocks + b] }
        allowed[m * N + n] += perUnit * scale
      }
    }
  }
}
