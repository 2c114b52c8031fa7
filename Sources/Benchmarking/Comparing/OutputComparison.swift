import Glibc
import Tensors

/// How one output differs from the reference's, or several together.
struct OutputComparison {
  private(set) var isPassed = true
  /// The largest relative and absolute error: infinite or NaN where one side is and the other is not.
  var relative = 0.0, absolute = 0.0
  /// The least share of matching elements of any output.
  private(set) var ratio = 1.0
  /// Whether the solution or the reference had any.
  private(set) var hasNaN = false, hasInfinity = false
  /// What is wrong, in a sentence: the element furthest off, or the rule that all elements together break.
  private(set) var worst: String?

  init() {}

  /// - Precondition: both are contiguous and of the same shape and type.
  init(_ name: String, _ found: Tensor, _ expected: Tensor, _ rule: OutputRule) {
    // The same bits satisfy every rule that lets NaN match NaN.
    if rule.nonFinite == .matching, memcmp(found.pointer, expected.pointer, found.byteCount) == 0 { return }
    if !found.dtype.isFloatingPoint {
      rule.closeness == .sameSet
        ? compareSets(name, found, expected) : compareIntegers(name, found, expected, rule)
    } else {
      compareFloats(name, found, expected, rule)
    }
  }

  mutating func merge(_ other: OutputComparison) {
    func larger(_ a: Double, _ b: Double) -> Double {
      if a == .infinity || b == .infinity { return .infinity }
      return a.isNaN || b.isNaN ? .nan : max(a, b)
    }
    relative = larger(relative, other.relative)
    absolute = larger(absolute, other.absolute)
    ratio = min(ratio, other.ratio)
    (hasNaN, hasInfinity) = (hasNaN || other.hasNaN, hasInfinity || other.hasInfinity)
    if isPassed { worst = other.worst ?? worst }
    isPassed = isPassed && other.isPassed
  }

  private mutating func compareFloats(_ name: String, _ found: Tensor, _ expected: Tensor, _ rule: OutputRule) {
    var tally = FloatTally(rule.growsWithReference ? Self.grown(rule, expected) : rule, found.dtype)
    let chunks = (ElementChunks(found), ElementChunks(expected)), count = found.count, size = ElementChunks.size
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * size) { buffer in
      guard let base = buffer.baseAddress else { return }
      for start in stride(from: 0, to: count, by: size) {
        let part = min(size, count - start)
        chunks.0.read(start, part, into: base)
        chunks.1.read(start, part, into: base + size)
        tally.add(base, base + size, part, from: start, exactly: (found, expected))
      }
    }
    (relative, absolute, hasNaN, hasInfinity) = (tally.relative, tally.absolute, tally.hasNaN, tally.hasInfinity)
    ratio = count == 0 ? 1 : 1 - Double(tally.failing) / Double(count)
    let problem = tally.problem(count)
    isPassed = problem == nil
    guard let problem else { return }
    if tally.worstPlace >= 0 {
      func value(_ tensor: Tensor) -> Float { tensor.dtype.decode(tensor.bits(at: tally.worstPlace)) }
      let place = ElementChunks.place(name, found.shape, tally.worstPlace)
      worst =
        "\(place) is \(value(found)), the reference has \(value(expected))" + (problem.isEmpty ? "" : "; " + problem)
    } else {
      worst = "\(name): \(problem)"
    }
  }

  /// The rule with its absolute tolerance times the reference's root mean square, if that is more.
  private static func grown(_ rule: OutputRule, _ expected: Tensor) -> OutputRule {
    let chunks = ElementChunks(expected), size = ElementChunks.size
    var (squares, finite) = (0.0, 0.0)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { buffer in
      guard let base = buffer.baseAddress else { return }
      for start in stride(from: 0, to: expected.count, by: size) {
        let part = min(size, expected.count - start)
        chunks.read(start, part, into: base)
        for i in 0..<part where base[i].isFinite {
          squares += Double(base[i]) * Double(base[i])
          finite += 1
        }
      }
    }
    let factor = Float(finite > 0 ? max(1, (squares / finite).squareRoot()) : 1)
    var grown = rule
    switch rule.closeness {
    case .either(let relative, let absolute): grown.closeness = .either(relative: relative, absolute: absolute * factor)
    case .sum(let relative, let absolute): grown.closeness = .sum(relative: relative, absolute: absolute * factor)
    case .ulps, .exact, .sameSet: break
    }
    return grown
  }

  /// Integers agree or not, whatever the tolerance; a ratio below 1 still allows some to differ.
  private mutating func compareIntegers(_ name: String, _ found: Tensor, _ expected: Tensor, _ rule: OutputRule) {
    var failing = 0, place = -1
    for i in 0..<found.count {
      let a = found.dtype.decodeInteger(found.bits(at: i)), b = expected.dtype.decodeInteger(expected.bits(at: i))
      if a == b { continue }
      failing += 1
      let difference = abs(Double(a) - Double(b))
      if difference > absolute || place < 0 { place = i }
      absolute = max(absolute, difference)
      relative = max(relative, difference / (abs(Double(b)) + 1e-8))
    }
    ratio = found.count == 0 ? 1 : 1 - Double(failing) / Double(found.count)
    isPassed = ratio >= rule.requiredRatio
    if !isPassed {
      func value(_ tensor: Tensor) -> Int { tensor.dtype.decodeInteger(tensor.bits(at: place)) }
      worst =
        "\(ElementChunks.place(name, found.shape, place)) is \(value(found)), the reference has \(value(expected))"
    }
  }

  private mutating func compareSets(_ name: String, _ found: Tensor, _ expected: Tensor) {
    let width = found.shape.rank == 0 ? 1 : found.shape[found.shape.rank - 1], a = found.integers, b = expected.integers
    var failing = 0
    for start in stride(from: 0, to: found.count, by: max(1, width)) {
      func sorted(_ values: [Int]) -> [Int] { values[start..<start + width].filter { $0 != -1 }.sorted() }
      let mine = sorted(a), theirs = sorted(b)
      if mine == theirs { continue }
      failing += 1
      if worst == nil {
        let row = width == 0 ? 0 : start / width
        if let extra = mine.first(where: { !theirs.contains($0) }) {
          worst = "row \(row) of \(name) has the index \(extra), which the reference's does not have"
        } else {
          worst = "row \(row) of \(name) has \(mine.count) indices, the reference has \(theirs.count) others"
        }
      }
    }
    isPassed = failing == 0
    ratio = found.count == 0 ? 1 : 1 - Double(failing) / Double(max(1, found.count / max(1, width)))
    if failing > 0 { (relative, absolute) = (.infinity, .infinity) }
  }
}
