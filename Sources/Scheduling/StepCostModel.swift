/// Learns what steps cost while they are run.
///
/// A weighted least squares fit of `StepCosts` to the steps seen. Steps are filed by the order of magnitude of their
/// tokens, and only steps of the same class make earlier ones fade: hours of pure decoding do not wear away what is known
/// of prompts. Relative errors count, so that short steps are as well described as long ones. Until enough steps were
/// seen, a prior estimate fills in.
public struct StepCostModel: Sendable {
  /// The present estimate.
  public private(set) var costs: StepCosts
  /// By the order of magnitude of the estimated time. Short steps are held up by more, in proportion, than long ones.
  private var errors = [Errors](repeating: Errors(), count: Self.classCount)
  /// Of steps that could shed what made them late; they are all planned to be about as long.
  private var sheddingErrors = SheddingErrors()
  private var prior: StepCosts
  private var classes = [Sums](repeating: Sums(), count: Self.classCount)
  private var seen = 0

  private static let classCount = 16
  /// What a step of the same class leaves of earlier ones: about the last 32 count.
  private static let memory = 0.97
  /// How much the prior weighs beside a step.
  private static let priorWeight = 0.05

  /// - Parameter prior: a rough guess of every cost; positive.
  public init(prior: StepCosts) {
    (self.prior, costs) = (prior, prior)
  }

  /// A guess for a small model on a processor core.
  public static let roughPrior = StepCosts(fixed: 5e-3, perToken: 1e-3, perPair: 5e-7, perRow: 2e-4)

  /// The seconds that a step of this size will hardly exceed: the estimate, times what steps that long took of theirs.
  /// - canShed: whether one that would exceed it can shed what makes it late: then it may more often.
  public func upperBound(_ shape: StepShape, canShed: Bool = false) -> Double {
    let seconds = costs.seconds(shape)
    return seconds * (canShed ? sheddingErrors.upperBound : errors[Self.timeClass(seconds)].upperBound)
  }

  /// What steps took, as parts of the estimate. What slows a machine down lasts for several steps, so that the last few
  /// tell what the next will take; how far it will be from that is learned over more of them.
  private struct Errors {
    private var level = 1.0, squaredSurprise = 0.01
    private var count = 4.0

    /// The first few count alike, later ones for a thirtieth.
    /// - weight: 1, or less for steps of another order of magnitude.
    mutating func add(_ error: Double, weight: Double) {
      count = min(30, count + weight)
      let surprise = error / level - 1
      squaredSurprise += (surprise * surprise - squaredSurprise) * weight / count
      level *= 1 + 0.4 * surprise * weight
    }

    /// The level and three deviations from it, within reason.
    var upperBound: Double { min(2, max(0.7, level * (1 + 3 * squaredSurprise.squareRoot()))) }
  }

  /// The same where a late step does little harm. Stalls are left out: what they make late is shed.
  private struct SheddingErrors {
    private(set) var level = 1.0
    /// What nine steps of ten surprise by at most, followed step by step (Robbins & Monro 1951).
    private var margin = 0.05
    private static let stall = 0.1

    mutating func add(_ error: Double) {
      let surprise = error / level - 1
      if abs(surprise) < Self.stall { margin = max(0.01, margin + 0.01 * (surprise > margin ? 0.9 : -0.1)) }
      level = min(2, max(0.7, level * (1 + 0.3 * min(Self.stall, max(-Self.stall, surprise)))))
    }

    var upperBound: Double { level * (1 + margin) }
  }

  /// The seconds that a step of this size, which can shed, will probably take.
  func expected(_ shape: StepShape) -> Double { costs.seconds(shape) * sheddingErrors.level }

  /// The order of magnitude of a time, from a millisecond on.
  private static func timeClass(_ seconds: Double) -> Int {
    guard seconds > 0 else { return 0 }
    let milliseconds = Int(min(seconds * 1000, 1e9))
    return min(classCount - 1, Int.bitWidth - milliseconds.leadingZeroBitCount)
  }

  /// The class of a step: the order of magnitude of its tokens.
  private static func fileNumber(_ shape: StepShape) -> Int {
    min(classCount - 1, Int.bitWidth - shape.tokens.leadingZeroBitCount)
  }

  /// Takes a step in.
  /// - canShed: whether it could shed what made it late; if it has, `seconds` are what it would have taken otherwise.
  public mutating func observe(_ shape: StepShape, seconds: Double, canShed: Bool = false) {
    guard shape.tokens > 0, seconds > 0, seconds.isFinite else { return }
    if seen == 0 { scalePrior(to: seconds, shape) }
    let expected = costs.seconds(shape)
    // What another program does to one step must not change what is thought of all.
    let seconds = seen >= 16 ? min(seconds, 3 * expected) : seconds
    let filed = Self.fileNumber(shape)
    if seen >= 16 { addError(seconds / expected, to: Self.timeClass(expected)) }
    if seen >= 16, canShed { sheddingErrors.add(seconds / expected) }
    seen += 1
    classes[filed].fade(Self.memory)
    classes[filed].add(
      [
        prior.fixed / seconds, prior.perToken * Double(shape.tokens) / seconds,
        prior.perPair * Double(shape.pairs) / seconds, prior.perRow * Double(shape.rows) / seconds,
      ])
    fit()
  }

  /// The classes beside learn from it, too: one that seems to exceed a target is not tried, and would never learn better.
  private mutating func addError(_ error: Double, to timeClass: Int) {
    errors[timeClass].add(error, weight: 1)
    for beside in [timeClass - 1, timeClass + 1] where errors.indices.contains(beside) {
      errors[beside].add(error, weight: 0.25)
    }
  }

  /// The first step tells how fast the machine is: the guess may be wrong by any factor.
  private mutating func scalePrior(to seconds: Double, _ shape: StepShape) {
    let factor = seconds / prior.seconds(shape)
    guard factor.isFinite, factor > 0 else { return }
    prior = StepCosts(
      fixed: prior.fixed * factor, perToken: prior.perToken * factor, perPair: prior.perPair * factor,
      perRow: prior.perRow * factor)
    costs = prior
  }

  /// Solves for the factors on the prior's costs; a negative one is set to zero, and the others solved for again.
  private mutating func fit() {
    var sums = Sums()
    for part in classes { sums.add(part) }
    var isFree = [true, true, true, true]
    var factors = [Double](repeating: 0, count: 4)
    for _ in 0..<4 {
      factors = sums.solution(towards: 1, weight: Self.priorWeight, isFree)
      guard let negative = (0..<4).first(where: { isFree[$0] && factors[$0] < 0 }) else { break }
      isFree[negative] = false
    }
    costs = StepCosts(
      fixed: prior.fixed * max(0, factors[0]), perToken: prior.perToken * max(0, factors[1]),
      perPair: prior.perPair * max(0, factors[2]), perRow: prior.perRow * max(0, factors[3]))
  }

  /// The normal equations of rows x with x · w = 1.
  private struct Sums {
    private var products = [Double](repeating: 0, count: 16)  // [4, 4]
    private var values = [Double](repeating: 0, count: 4)

    mutating func fade(_ factor: Double) {
      for i in products.indices { products[i] *= factor }
      for i in values.indices { values[i] *= factor }
    }
    mutating func add(_ x: [Double]) {
      for i in 0..<4 {
        values[i] += x[i]
        for j in 0..<4 { products[4 * i + j] += x[i] * x[j] }
      }
    }
    mutating func add(_ other: Sums) {
      for i in products.indices { products[i] += other.products[i] }
      for i in values.indices { values[i] += other.values[i] }
    }

    /// The w that fits best, each part drawn towards `target`; parts that are not free are 0. The equations are
    /// symmetric and positive definite, so elimination needs no pivots.
    func solution(towards target: Double, weight: Double, _ isFree: [Bool]) -> [Double] {
      var (a, b) = (products, values)
      for i in 0..<4 {
        a[5 * i] += weight
        b[i] += weight * target
        guard !isFree[i] else { continue }
        for j in 0..<4 { (a[4 * i + j], a[4 * j + i]) = (0, 0) }
        (a[5 * i], b[i]) = (1, 0)
      }
      for i in 0..<4 {
        for j in (i + 1)..<max(i + 1, 4) {
          let factor = a[4 * j + i] / a[5 * i]
          for k in i..<4 { a[4 * j + k] -= factor * a[4 * i + k] }
          b[j] -= factor * b[i]
        }
      }
      for i in (0..<4).reversed() {
        for j in (i + 1)..<max(i + 1, 4) { b[i] -= a[4 * i + j] * b[j] }
        b[i] /= a[5 * i]
      }
      return b
    }
  }
}
