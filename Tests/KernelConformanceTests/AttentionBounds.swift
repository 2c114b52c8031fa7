import Glibc
import KernelRuntime
import Tensors
import Traces

@testable import Kernels

/// How far attention in integers may be from exact attention over the same cache, for each element: what rounding each
/// query, key, value and weight to its unit can do at most, to first order.
///
/// Unit of a query: max(|q| / 65000, largest element / 32700); of a key or value: 2^-14 of the largest power of two that is
/// not above its norm (int8: exact); of a weight: the sum over its block of weights times units of values, / 32700.
struct AttentionBounds {
  /// Of each element of the outputs.
  private(set) var output: [Float], lse: [Float]

  init(_ problem: Problem) throws {
    let call = try problem.pagedAttentionCall(), D = call.headDimension
    let window = PagedAttention.window(of: problem.definition) ?? .max / 2, group = call.queryHeads / call.keyValueHeads
    output = [Float](repeating: 0, count: call.output.count)
    lse = [Float](repeating: 0, count: call.lse.count)
    let q = call.query.floats
    let allKeys = Cache(call.keys, call.keyScales), allValues = Cache(call.values, call.valueScales)
    for sequence in call.sequences {
      for head in 0..<call.keyValueHeads {
        let keys = Rows(call, allKeys, sequence, head), values = Rows(call, allValues, sequence, head)
        for token in sequence.tokens {
          let own = sequence.length - sequence.tokens.count + (token - sequence.tokens.lowerBound)
          let visible = max(0, own - window + 1)...own
          for queryHead in head * group..<(head + 1) * group {
            let row = token * call.queryHeads + queryHead
            let query = q[row * D..<(row + 1) * D].map(Double.init)
            let bounds = Self.bounds(query, Double(call.scale), keys, values, visible)
            for i in 0..<D { output[row * D + i] = Float(bounds.output[i]) }
            lse[row] = Float(bounds.lse)
          }
        }
      }
    }
  }

  /// A contiguous cache as numbers.
  private struct Cache {
    let elements: [Float], scales: [Float]?, isInteger: Bool

    init(_ cache: Tensor, _ scales: Tensor?) {
      (self.scales, isInteger) = (scales?.floats, cache.dtype == .int8)
      elements = isInteger ? (0..<cache.count).map { Float(cache.elements(as: Int8.self)[$0]) } : cache.floats
    }
  }

  /// One head's keys or values of a sequence.
  private struct Rows {
    var elements: [[Double]] = []
    /// What an integer is worth at each position, and how much of that elements may be off.
    var units: [Double] = [], errors: [Double] = []

    init(_ call: PagedAttentionCall, _ cache: Cache, _ sequence: PagedAttentionCall.Sequence, _ head: Int) {
      let D = call.headDimension
      for position in 0..<sequence.length {
        let page = Int(call.pages[sequence.firstPage + position / call.pageSize])
        let row = (page * call.pageSize + position % call.pageSize) * call.keyValueHeads + head
        let scale = cache.scales.map { Double($0[row]) } ?? 1
        let values = cache.elements[row * D..<(row + 1) * D].map { Double($0) * scale }
        elements.append(values)
        let norm = sqrt(values.reduce(0) { $0 + $1 * $1 })
        units.append(cache.isInteger ? abs(scale) : norm == 0 ? 0 : exp2(floor(log2(norm)) - 14))
        errors.append(cache.isInteger ? 0 : units[position] / 2)
      }
    }
  }

  private static func bounds(
    _ query: [Double], _ scale: Double, _ keys: Rows, _ values: Rows, _ visible: ClosedRange<Int>
  ) -> (output: [Double], lse: Double) {
    let norm = sqrt(query.reduce(0) { $0 + $1 * $1 }), sumOfQuery = query.reduce(0) { $0 + abs($1) }
    let queryUnit = max(norm / 65000, query.reduce(0) { max($0, abs($1)) } / 32700)
    var scores: [Double] = [], errors: [Double] = []
    for j in visible {
      let key = keys.elements[j]
      var score = 0.0, sumOfKey = 0.0
      for (a, b) in zip(query, key) { (score, sumOfKey) = (score + a * b, sumOfKey + abs(b)) }
      scores.append(score * scale)
      let rounding = queryUnit / 2 * sumOfKey + keys.errors[j] * sumOfQuery
      // A float32 score is off by its own rounding, too.
      errors.append(abs(scale) * (rounding * 1.01 + norm * sumOfKey * 1e-7))
    }
    let highest = scores.max()!, weights = scores.map { exp($0 - highest) }, total = weights.reduce(0, +)
    let p = weights.map { $0 / total }, mean = zip(p, errors).reduce(0) { $0 + $1.0 * $1.1 }
    // What is left out to first order.
    let growth = exp(2 * errors.max()!)
    var exact = [Double](repeating: 0, count: query.count), result = exact
    for (j, p) in zip(visible, p) {
      for i in exact.indices { exact[i] += p * values.elements[j][i] }
    }
    for (j, (p, error)) in zip(visible, zip(p, errors)) {
      for i in exact.indices {
        result[i] += p * ((error + mean) * growth * abs(values.elements[j][i] - exact[i]) + values.errors[j])
      }
    }
    addWeights(p, values, visible, to: &result)
    for i in exact.indices { result[i] = result[i] * 1.01 + 2e-5 * max(1, abs(exact[i])) }
    return (result, mean * growth / log(2) + 2e-6 * max(1, abs(highest + log(total)) / log(2)))
  }

  /// What the rounding of weights does.
  private static func addWeights(_ p: [Double], _ values: Rows, _ visible: ClosedRange<Int>, to result: inout [Double])
  {
    var j = visible.lowerBound
    while j <= visible.upperBound {
      let end = min(visible.upperBound + 1, (j / 16 + 1) * 16)
      let sum = (j..<end).reduce(0) { $0 + p[$1 - visible.lowerBound] * values.units[$1] }
      for k in j..<end where values.units[k] > 0 {
        for i in result.indices { result[i] += sum / 65_400 * abs(values.elements[k][i]) / values.units[k] }
      }
      j = end
    }
  }
}
