import JSONText

/// The times of repeated runs, in seconds.
public struct TimingSummary: Sendable, Hashable {
  public let median: Double, low: Double, high: Double, minimum: Double
  public let count: Int
  public init(samples: [Double]) { (median, low, high, minimum, count) = (0, 0, 0, 0, samples.count) }
  public func overlaps(_ other: TimingSummary) -> Bool { low <= other.high && other.low <= high }
  public var json: JSONValue { .null }
}
