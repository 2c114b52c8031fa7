/// What the public sampling definitions keep of a row of probabilities, as their reference says:
///
///     top-k   0 < k < vocabulary: the k largest, divided by their sum; any other k: all
///     top-p   p ≤ 0: the largest alone; p < 1: by descending value, up to and with the first whose cumulative sum
///             exceeds p; otherwise all
///
/// Equal values are ordered by ascending token. Cumulative sums are taken in double precision and compared as float32.
struct KeptProbabilities {
  /// Of each token; 0 for those that are not kept. Not normalised.
  let weights: [Float]

  /// - topK, topP: nil where the definition has none.
  /// - Returns: nil when the row holds a NaN, an infinity or a negative number.
  init?(_ row: UnsafeBufferPointer<Float>, topK: Int?, topP: Float?) {
    for value in row where !(value >= 0 && value < .infinity) { return nil }
    let limit = topK.flatMap { 0 < $0 && $0 < row.count ? $0 : nil }
    guard limit != nil || (topP ?? 1) < 1 else {
      weights = Array(row)
      return
    }
    // Non-negative floats are ordered as their bits: descending value, then ascending token.
    var order = row.indices.map { UInt64(~(row[$0] + 0).bitPattern) << 32 | UInt64($0) }
    order.sort()
    var kept = order.prefix(limit ?? order.count).map { Int($0 & 0xFFFF_FFFF) }
    var scale: Float = 1
    if limit != nil { scale = Float(kept.reduce(0.0) { $0 + Double(row[$1]) }) }
    if let topP, topP <= 0 {
      kept.removeLast(kept.count - 1)
    } else if let topP, topP < 1 {
      var sum = 0.0
      let last = kept.firstIndex {
        sum += Double(row[$0] / scale)
        return Float(sum) > topP
      }
      if let last { kept.removeLast(kept.count - 1 - last) }
    }
    var weights = [Float](repeating: 0, count: row.count)
    for token in kept { weights[token] = row[token] }
    if let topP, topP <= 0, let only = kept.first { weights[only] = 1 }  // drawn even from a row of zeros
    self.weights = weights
  }

  /// The first token, by ascending id, whose cumulative weight exceeds `uniform` of the total; nil when that is 0.
  /// - uniform: in [0, 1).
  func draw(_ uniform: Double) -> Int? {
    let target = uniform * weights.reduce(0.0) { $0 + Double($1) }
    var sum = 0.0
    for (token, weight) in weights.enumerated() where weight > 0 {
      sum += Double(weight)
      if sum > target { return token }
    }
    return weights.lastIndex { $0 > 0 }
  }
}
