import Tensors

/// Counts and maxima over the elements of one output, in float32 as the reference projects compute them.
struct FloatTally {
  let rule: OutputRule
  let dtype: DType
  private(set) var failing = 0
  private(set) var relative = 0.0, absolute = 0.0
  private(set) var hasNaN = false, hasInfinity = false
  /// The failing element that is furthest off; -1 when none fails.
  private(set) var worstPlace = -1
  private var worstError = -1.0
  /// No share of elements is tolerated to differ in kind.
  private var isNonFiniteRefused = false
  private var foundIsZero = true, expectedIsZero = true
  private var dot = 0.0, squares = (0.0, 0.0)

  init(_ rule: OutputRule, _ dtype: DType) { (self.rule, self.dtype) = (rule, dtype) }

  /// - s, r: `count` elements from position `start` of the two tensors, which are given for comparing bits.
  mutating func add(
    _ s: UnsafePointer<Float>, _ r: UnsafePointer<Float>, _ count: Int, from start: Int,
    exactly tensors: (Tensor, Tensor)
  ) {
    for i in 0..<count {
      let x = s[i], y = r[i]
      if !x.isFinite || !y.isFinite {
        addNonFinite(x, y, at: start + i)
        continue
      }
      if x != 0 { foundIsZero = false }
      if y != 0 { expectedIsZero = false }
      let error = abs(x - y), size = abs(y)
      let ratio = error / (rule.leastDivisor.map { max(size, $0) } ?? (size + 1e-8))
      absolute = max(absolute, Double(error))
      relative = max(relative, Double(ratio))
      if rule.leastCosine != nil {
        dot += Double(x) * Double(y)
        squares.0 += Double(x) * Double(x)
        squares.1 += Double(y) * Double(y)
      }
      let fails: Bool
      switch rule.closeness {
      // Not "≤": what FlashInfer-Bench counts is elements beyond both, so that no comparison with NaN counts.
      case .either(let relative, let absolute): fails = error > absolute && ratio > relative
      case .sum(let relative, let absolute): fails = !(error <= absolute + relative * size)
      case .exact, .sameSet: fails = x != y || x.sign != y.sign
      case .ulps(let limit):
        fails =
          x != y && abs(ordinal(tensors.0.bits(at: start + i)) - ordinal(tensors.1.bits(at: start + i))) > limit
      }
      if fails { fail(Double(error), at: start + i) }
    }
  }

  private mutating func fail(_ error: Double, at place: Int) {
    failing += 1
    if error > worstError { (worstError, worstPlace) = (error, place) }
  }

  private mutating func addNonFinite(_ x: Float, _ y: Float, at place: Int) {
    hasNaN = hasNaN || x.isNaN || y.isNaN
    hasInfinity = hasInfinity || x.isInfinite || y.isInfinite
    foundIsZero = foundIsZero && x == 0
    expectedIsZero = expectedIsZero && y == 0
    let isSame: Bool
    switch rule.nonFinite {
    case .matching: isSame = x.isNaN && y.isNaN || x == y
    case .equalInfinities: isSame = x == y
    case .refused: isSame = false
    case .negativeInfinities: isSame = x == y && x < 0
    case .solutionOnly: isSame = x.isFinite
    }
    if isSame { return }
    isNonFiniteRefused = true
    // An infinity outweighs NaN, as FlashInfer-Bench reports them.
    let isInfinite = x.isInfinite || !x.isNaN && y.isInfinite
    let error = isInfinite ? Double.infinity : .nan
    if absolute != .infinity { (absolute, relative) = (error, error) }
    failing += 1
    if worstError != .infinity || worstPlace < 0 { (worstError, worstPlace) = (.infinity, place) }
  }

  /// What all elements together break: a sentence, empty when the worst element says it all; nil when they pass.
  func problem(_ count: Int) -> String? {
    if isNonFiniteRefused { return "" }
    let ratio = count == 0 ? 1 : 1 - Double(failing) / Double(count)
    if ratio < rule.requiredRatio {
      return rule.requiredRatio < 1
        ? "\(failing) of \(count) elements differ, allowed is a share of \(1 - rule.requiredRatio)" : ""
    }
    if rule.refusesAllZeros, count > 0, foundIsZero, !expectedIsZero { return "all elements are zero" }
    if let cap = rule.errorCap, !(absolute <= cap) {
      return "the largest error is \(absolute), at most \(cap) is allowed"
    }
    if let least = rule.leastCosine, let cosine, cosine < least {
      return "the cosine similarity is \(cosine), at least \(least) is asked for"
    }
    return nil
  }

  /// Nil when both are zero: there is no angle.
  private var cosine: Double? {
    if squares.0 == 0 && squares.1 == 0 { return nil }
    if squares.0 == 0 || squares.1 == 0 { return 0 }
    return dot / (squares.0.squareRoot() * squares.1.squareRoot())
  }

  /// Representable values in order, zero at 0: the distance of two numbers is the difference.
  private func ordinal(_ bits: UInt64) -> Int {
    let sign = UInt64(1) << UInt64(dtype.bitWidth - 1), magnitude = Int(bits & (sign - 1))
    return bits & sign == 0 ? magnitude : -magnitude
  }
}
