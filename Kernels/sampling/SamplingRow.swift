import Glibc

/// How one row is drawn.
struct SamplingRow {
  let temperature: Float, topK: Int, topP: Float, minP: Float, uniform: Float
}

/// The part of sampling that oracle and fast kernel share: what is kept of the sorted tokens, and which one is drawn.
///
/// With tokens sorted by descending logit (ties by ascending id), top-k, top-p and min-p each keep a prefix, so together
/// they keep the shortest of three prefixes, and the draw looks at that prefix only.
struct SortedDraw {
  let row: SamplingRow
  /// Weight of the i-th token in sorted order: e^((logit - largest) / temperature).
  static func weight(_ logit: Float, largest: Float, temperature: Float) -> Double {
    exp((Double(logit) - Double(largest)) / Double(temperature))
  }

  /// - sorted: weights in descending order, at least as many as are kept, or all of them.
  /// - isComplete: `sorted` holds the whole row.
  /// - total: the sum of all weights of the row.
  /// - Returns: the place of the drawn token in `sorted`; nil when more of the row is needed to decide.
  func choose(_ sorted: [Double], isComplete: Bool, total: Double) -> Int? {
    if sorted.isEmpty { return nil }
    var limit = sorted.count
    var isLimited = isComplete
    if row.topK > 0 && row.topK <= limit { (limit, isLimited) = (row.topK, true) }
    // What top-p is a share of: the tokens that top-k keeps.
    let base: Double
    if row.topK > 0 {
      if !isLimited { return nil }
      base = sorted[..<limit].reduce(0, +)
    } else {
      base = total
    }
    var kept = 0, mass = 0.0, ended = false
    while kept < limit {
      // The first weight is 1: min-p compares with the most likely token.
      if sorted[kept] < Double(row.minP) && kept > 0 {
        ended = true
        break
      }
      mass += sorted[kept]
      kept += 1
      if row.topP < 1 && mass >= Double(row.topP) * base {
        ended = true
        break
      }
    }
    if !ended && !isLimited {
      // The whole tail is kept: decide now only if the draw falls into what is here already.
      mass = total
    }
    let target = Double(row.uniform) * mass
    var cumulative = 0.0
    for i in 0..<kept {
      cumulative += sorted[i]
      if cumulative > target { return i }
    }
    return ended || isLimited ? kept - 1 : nil
  }
}
