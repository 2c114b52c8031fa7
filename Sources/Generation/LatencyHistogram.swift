/// How often a quantity fell into each of some fixed ranges, with its sum and its largest value.
///
/// ```
///   bounds      0.01      0.025      0.05
///   counts   3    |    1    |    0    |    2        values up to a bound belong to the range below it
/// ```
///
/// A value: the engine's thread counts in its own, readers get copies. Recording costs a binary search.
/// The ranges are those of vLLM's metrics, so that dashboards and alerts made for it fit.
public struct LatencyHistogram: Sendable, Hashable {
  /// Upper bounds of the ranges, ascending; a last range without a bound follows.
  public let bounds: [Double]
  /// Values in each range, one more than there are bounds. Not cumulated.
  public private(set) var counts: [Int]
  /// All values added up.
  public private(set) var sum = 0.0
  /// The largest value so far; 0 when there is none.
  public private(set) var largest = 0.0

  /// Nothing counted yet.
  public init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// How many values there were.
  public var count: Int { counts.reduce(0, +) }

  /// Counts one value. Values are not negative: a negative one counts as 0.
  public mutating func record(_ value: Double) {
    let value = max(0, value)
    var (low, high) = (0, bounds.count)
    while low < high {
      let middle = (low + high) / 2
      if value <= bounds[middle] { high = middle } else { low = middle + 1 }
    }
    counts[low] += 1
    sum += value
    largest = max(largest, value)
  }

  /// For each bound, and last for infinity, the values up to it: the buckets of Prometheus.
  public var cumulated: [(bound: Double, count: Int)] {
    var total = 0
    return zip(bounds + [.infinity], counts).map { bound, count in
      total += count
      return (bound, total)
    }
  }
}

extension LatencyHistogram {
  /// Seconds of a request or of a part of it.
  static let requestSeconds = [
    0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
  ]
  /// Seconds until the first token.
  static let firstTokenSeconds = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
  ]
  /// Seconds between two tokens of a request.
  static let tokenSeconds = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  ]
  /// Seconds of a step: those between tokens, and shorter ones.
  static let stepSeconds = [0.001, 0.0025, 0.005] + tokenSeconds
  /// Tokens of a step.
  static let stepTokens: [Double] = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]

  /// Tokens of a request: 1, 2, 5, 10 … up to what a context holds.
  static func requestTokens(upTo contextLength: Int) -> [Double] {
    var bounds: [Double] = [], decade = 1.0
    let limit = Double(contextLength)
    while decade <= limit {
      bounds += [decade, 2 * decade, 5 * decade].filter { $0 <= limit }
      decade *= 10
    }
    return bounds
  }
}
