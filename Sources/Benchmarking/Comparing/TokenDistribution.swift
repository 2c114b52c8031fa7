/// Which tokens one row may draw, and how often each is expected.
struct TokenDistribution {
  /// Tokens with the largest probability first; equal ones in order.
  let order: [Int]
  /// Of `order`, how many may be drawn.
  let allowedCount: Int
  /// Of each token: the probability after top-k and top-p, 0 for those that are cut off.
  let expected: [Double]
  private let allowed: [Bool]

  /// Top-k first, then top-p on what is left, renormalised; top-p keeps the smallest prefix that reaches it, the token
  /// that crosses it included, and only the most probable token when it is 0 or less.
  /// - topK: keeps all ties of the k-th; no limit unless 0 < k < tokens.
  /// - slack: added to `topP` for what is allowed, not for what is expected.
  init(probabilities: [Float], topK: Int?, topP: Double?, slack: Double) {
    let count = probabilities.count
    // Indices among equal probabilities in order: every run judges alike.
    let order = probabilities.indices.sorted {
      probabilities[$0] != probabilities[$1] ? probabilities[$0] > probabilities[$1] : $0 < $1
    }
    var kept = count, tied = count
    if let topK, topK > 0, topK < count {
      kept = topK
      tied = topK
      let last = probabilities[order[topK - 1]]
      while tied < count, probabilities[order[tied]] == last { tied += 1 }
    }
    func total(_ range: Range<Int>) -> Double { range.reduce(0) { $0 + Double(probabilities[order[$1]]) } }
    func prefix(_ limit: Double, of kept: Int) -> Int {
      if limit >= 1 || kept == 0 { return kept }
      if limit <= 0 { return 1 }
      let sum = total(0..<kept)
      var cumulative = 0.0
      for i in 0..<kept {
        cumulative += Double(probabilities[order[i]])
        if cumulative >= limit * sum { return i + 1 }
      }
      return kept
    }
    let chosen = topP.map { prefix($0, of: kept) } ?? kept
    var allowedCount = topP.map { $0 <= 0 ? 1 : prefix($0 + slack, of: tied) } ?? tied
    // A token without probability is never drawn, whatever the limits.
    while allowedCount > 1, probabilities[order[allowedCount - 1]] <= 0 { allowedCount -= 1 }
    let sum = total(0..<chosen)
    var expected = [Double](repeating: 0, count: count), allowed = [Bool](repeating: false, count: count)
    for token in order.prefix(chosen) where sum > 0 { expected[token] = Double(probabilities[token]) / sum }
    for token in order.prefix(allowedCount) { allowed[token] = true }
    (self.order, self.allowedCount, self.expected, self.allowed) = (order, allowedCount, expected, allowed)
  }

  func allows(_ token: Int) -> Bool { allowed.indices.contains(token) && allowed[token] }

  /// The total variation distance of drawn tokens from what is expected, less what chance alone would show.
  func distance(counts: [Int: Int]) -> Double {
    let draws = counts.values.reduce(0, +)
    if draws == 0 || order.isEmpty { return 0 }
    // Some fifty draws for each group, at least two groups.
    let groups = max(2, min(order.count, draws / 50))
    var (distance, noise, group) = (0.0, 0.0, (expected: 0.0, found: 0.0))
    func close() {
      distance += abs(group.expected - group.found) / 2
      // The mean absolute deviation of a binomial share, by its normal approximation.
      noise += (2 * group.expected * max(0, 1 - group.expected) / (.pi * Double(draws))).squareRoot() / 2
      group = (0, 0)
    }
    for token in order {
      group.expected += expected[token]
      group.found += Double(counts[token] ?? 0) / Double(draws)
      if group.expected >= 1 / Double(groups) { close() }
    }
    close()
    return max(0, distance - noise)
  }
}
