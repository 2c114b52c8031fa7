import Glibc
import JSONText

/// The times of repeated runs, in seconds: the median, and where it lies with 95 % confidence.
///
/// The interval is one of order statistics: whatever the distribution of single times, between the k-th smallest and the
/// k-th largest lies the true median with probability 1 - 2 · P(B < k), B binomial with n trials of ½; k is the largest
/// with at least 95 %. Below six samples no pair reaches that, and the interval is all that was seen.
public struct TimingSummary: Sendable, Hashable {
  public let median: Double
  /// The ends of the interval.
  public let low: Double, high: Double
  public let minimum: Double
  public let count: Int

  /// Samples that are no finite number are left out. Without any, every figure is NaN and `count` 0.
  public init(samples: [Double]) {
    let sorted = samples.filter(\.isFinite).sorted(), n = sorted.count
    count = n
    guard n > 0 else {
      (median, low, high, minimum) = (.nan, .nan, .nan, .nan)
      return
    }
    median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2
    let rank = Self.rank(n)
    (low, high, minimum) = (sorted[rank - 1], sorted[n - rank], sorted[0])
  }

  /// The largest k in 1 ... (n + 1) / 2 with P(B < k) ≤ 2.5 %; 1 when there is none.
  static func rank(_ n: Int) -> Int {
    if n < 6 { return 1 }
    // Beyond, the powers of ½ leave Double's range and the normal approximation is within a rank.
    if n > 1000 { return max(1, Int((Double(n) / 2 - 0.979_982 * Double(n).squareRoot()).rounded(.down))) }
    var probability = pow(0.5, Double(n)), sum = probability, k = 0
    // sum is P(B ≤ k).
    while sum <= 0.025 {
      k += 1
      probability *= Double(n - k + 1) / Double(k)
      sum += probability
    }
    return max(1, k)
  }

  /// Whether the two intervals share a point: then neither is faster, as far as these samples tell.
  public func overlaps(_ other: TimingSummary) -> Bool { low <= other.high && other.low <= high }

  /// Figures that are not known are null.
  public var json: JSONValue {
    func seconds(_ value: Double) -> JSONValue { value.isFinite ? .double(value) : .null }
    return .object(
      JSONObject([
        ("median", seconds(median)), ("low", seconds(low)), ("high", seconds(high)), ("minimum", seconds(minimum)),
        ("count", .int(count)),
      ]))
  }
}
