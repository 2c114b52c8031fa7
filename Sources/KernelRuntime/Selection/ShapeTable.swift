import Glibc

/// For each measured shape, which candidate is fastest; and what a shape that was not measured gets.
struct ShapeTable: Sendable {
  struct Row: Sendable {
    let axes: [Int]
    let buckets: [Int]
    /// Best time of each measured candidate, by its index.
    var times: [Int: Double]
    var weight: Double
    /// The candidate used here, after hysteresis.
    var winner = 0
  }
  private(set) var rows: [Row] = []
  private let kinds: [ShapeRule.Bucket]
  private let rule: ShapeRule

  /// - samples: with the index of the candidate that each belongs to.
  init(_ samples: [(candidate: Int, sample: KernelMeasurements.Sample)], kinds: [ShapeRule.Bucket], rule: ShapeRule) {
    (self.kinds, self.rule) = (kinds, rule)
    var index: [[Int]: Int] = [:], rows: [Row] = []
    for (candidate, sample) in samples {
      if index[sample.axes] == nil {
        index[sample.axes] = rows.count
        let buckets = zip(kinds, sample.axes).map { $0.index($1) }
        rows.append(Row(axes: sample.axes, buckets: buckets, times: [:], weight: sample.weight))
      }
      if let row = index[sample.axes] {
        rows[row].times[candidate] = min(rows[row].times[candidate] ?? .infinity, sample.latencyMs)
      }
    }
    rows.sort { ($0.size, $0.axes.description) < ($1.size, $1.axes.description) }
    self.rows = rows
    settleWinners()
  }

  /// Walking up in size, a neighbour's winner is kept unless another is faster by the hysteresis, so that neighbouring
  /// batch sizes do not flip to and fro on noise.
  private mutating func settleWinners() {
    var previous: Int?
    for row in rows.indices {
      guard let best = Self.fastest(rows[row].times) else { continue }
      if let previous, let time = rows[row].times[previous], time <= best.time * (1 + rule.hysteresis) {
        rows[row].winner = previous
      } else {
        rows[row].winner = best.candidate
      }
      previous = rows[row].winner
    }
  }

  private static func fastest(_ times: [Int: Double]) -> (candidate: Int, time: Double)? {
    times.min { ($0.value, $0.key) < ($1.value, $1.key) }.map { (candidate: $0.key, time: $0.value) }
  }

  /// How much slower than the best a candidate is over all rows: a weighted geometric mean. Where it was not measured
  /// it counts as the slowest that was, so that one good shape does not make a winner.
  func slowness(_ candidate: Int) -> Double {
    var sum = 0.0, weight = 0.0
    for row in rows {
      guard let best = row.times.values.min(), let worst = row.times.values.max(), row.weight > 0 else { continue }
      sum += row.weight * log((row.times[candidate] ?? worst) / best)
      weight += row.weight
    }
    return weight > 0 ? exp(sum / weight) : 1
  }

  /// In how many shapes a candidate was measured.
  func coverage(_ candidate: Int) -> Int { rows.count { $0.times[candidate] != nil } }

  /// The row that speaks for a shape.
  func resolve(_ axes: [Int]) -> (row: Int, route: Route)? {
    if let row = rows.firstIndex(where: { $0.axes == axes }) { return (row, .exact) }
    let buckets = zip(kinds, axes).map { $0.index($1) }
    // Of several in the same buckets, and of all others, the nearest; of equally near ones the smaller.
    let near = rows.indices.map { (row: $0, distance: distance(rows[$0].axes, axes)) }
    let inBucket = near.filter { rows[$0.row].buckets == buckets }
    if let row = inBucket.min(by: { $0.distance < $1.distance })?.row { return (row, .bucket) }
    guard let nearest = near.min(by: { $0.distance < $1.distance }), nearest.distance <= log(rule.nearestLimit) else {
      return nil
    }
    return (nearest.row, .nearest)
  }

  /// Euclidean, of the sizes' logarithms; an axis whose size does not matter is left out, an `exact` one must agree.
  private func distance(_ a: [Int], _ b: [Int]) -> Double {
    var sum = 0.0
    for (kind, (x, y)) in zip(kinds, zip(a, b)) where kind != .any {
      if kind == .exact && x != y { return .infinity }
      // One more than the size: empty is near to one.
      let difference = log(Double(x) + 1) - log(Double(y) + 1)
      sum += difference * difference
    }
    return sum.squareRoot()
  }
}

extension ShapeTable.Row {
  /// A measure to sort by.
  fileprivate var size: Double { axes.reduce(0) { $0 + log(Double($1) + 1) } }
}
