import JSONText
import Traces

/// How often a definition was called with which axes: the weights of a benchmark that stands for real traffic.
///
///     let recorded = try RecordedFrequencies.load(root: "traces", definition: definition)
///     recorded.weight(["num_tokens": 1])             // share of all calls, 0...1
///
/// Invariant: each set of axes occurs once; counts are not negative. One JSON file of a trace set for each definition,
/// `frequencies/<op_type>/<definition>.json`; a folder that FlashInfer-Bench does not look into.
public struct RecordedFrequencies: Sendable, Hashable {
  public let definition: String
  public let opType: String
  /// The definition's variable axes, in its order.
  public let axisNames: [String]
  /// Calls by the sizes of these axes; -1 for one that no argument has.
  public private(set) var calls: [[Int]: Int] = [:]
  /// Calls with sets of axes beyond those that are told apart.
  public internal(set) var others = 0
  /// Calls by the layer that made them.
  public internal(set) var layers: [Int: Int] = [:]
  /// Calls from outside of layers.
  public internal(set) var withoutLayer = 0

  init(definition: Definition) {
    (self.definition, opType, axisNames) = (definition.name, definition.opType, definition.varAxes)
  }

  /// All calls.
  public var total: Int { Self.sum(calls.values.reduce(0, Self.sum), others) }

  /// The share of the calls that had these axes, 0...1; the order of `axes` does not matter.
  public func weight(_ axes: OrderedMap<Int>) -> Double {
    guard let key = key(of: axes), let count = calls[key], total > 0 else { return 0 }
    return Double(count) / Double(total)
  }

  /// Shares the recorded calls out among some sets of axes, each call to the one that is nearest to its own: by the sum
  /// of the axes' ratios in powers of two; the first of equally near ones.
  /// - Returns: a weight for each candidate; together 1, or all 0 when nothing was recorded or nothing fits.
  public func weights(amongNearest candidates: [OrderedMap<Int>]) -> [Double] {
    let keys = candidates.map(key)
    var weights = [Double](repeating: 0, count: candidates.count)
    for (sizes, count) in calls {
      var nearest: (index: Int, distance: Double)?
      for (index, key) in keys.enumerated() {
        guard let key else { continue }
        let distance = Self.distance(key, sizes)
        if nearest.map({ distance < $0.distance }) ?? true { nearest = (index, distance) }
      }
      if let nearest { weights[nearest.index] += Double(count) }
    }
    let sum = weights.reduce(0, +)
    return sum > 0 ? weights.map { $0 / sum } : weights
  }

  private static func distance(_ a: [Int], _ b: [Int]) -> Double {
    zip(a, b).reduce(0) { sum, pair in
      let ratio = (Double(max(0, pair.0)) + 1) / (Double(max(0, pair.1)) + 1)
      // log2 of the ratio, straight between powers of two: exact enough to tell what is nearer.
      let larger = max(ratio, 1 / ratio)
      return sum + Double(larger.exponent) + larger.significand - 1
    }
  }

  private func key(of axes: OrderedMap<Int>) -> [Int]? {
    let sizes = axisNames.map { axes[$0] ?? -1 }
    return axes.allSatisfy { axisNames.contains($0.name) } ? sizes : nil
  }

  // MARK: adding

  mutating func add(_ count: Int, sizes: [Int]) { calls[sizes] = Self.sum(calls[sizes] ?? 0, count) }

  /// Adds what another run counted; of more than `limit` sets of axes the rarest become others.
  mutating func add(_ other: RecordedFrequencies, limit: Int) {
    for (sizes, count) in other.calls { add(count, sizes: sizes) }
    for (layer, count) in other.layers { layers[layer] = Self.sum(layers[layer] ?? 0, count) }
    others = Self.sum(others, other.others)
    withoutLayer = Self.sum(withoutLayer, other.withoutLayer)
    if calls.count > limit {
      for (sizes, count) in sorted.dropFirst(limit) {
        calls[sizes] = nil
        others = Self.sum(others, count)
      }
    }
  }

  private static func sum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }

  /// Most frequent first, then by the sizes.
  var sorted: [(sizes: [Int], count: Int)] {
    calls.map { ($0.key, $0.value) }.sorted {
      $0.1 != $1.1 ? $0.1 > $1.1 : $0.0.lexicographicallyPrecedes($1.0)
    }
  }
}
