/// Measured values of which many are equal, each with how often it occurred.
///
/// All sequences that decode in one step wait equally long for their tokens, so a day of tokens is only as many entries as
/// steps; percentiles are exact.
struct WeightedSamples {
  private var entries: [(value: Double, count: Int)] = []
  private(set) var count = 0
  private var sum = 0.0

  /// Notes a value. Equal values in a row share an entry.
  mutating func add(_ value: Double) {
    count += 1
    sum += value
    if let last = entries.last, last.value == value {
      entries[entries.count - 1].count += 1
    } else {
      entries.append((value, 1))
    }
  }

  /// What is told of the values; nil when there are none. O(entries · log entries).
  consuming func summary() -> SampleSummary? {
    guard count > 0 else { return nil }
    entries.sort { $0.value < $1.value }
    let (entries, count) = (entries, count)
    /// The smallest value that is not below `share` of all: the nearest rank.
    func percentile(_ percent: Int) -> Double {
      let rank = max(1, (percent * count + 99) / 100)
      var seen = 0
      for entry in entries {
        seen += entry.count
        if seen >= rank { return entry.value }
      }
      return entries[entries.count - 1].value
    }
    return SampleSummary(
      mean: sum / Double(count), p50: percentile(50), p90: percentile(90), p99: percentile(99),
      largest: percentile(100),
      count: count)
  }
}

/// What is told of many measured values, in their unit. A percentile is the smallest value that at least that share of
/// the values does not exceed.
public struct SampleSummary: Sendable, Hashable {
  public let mean: Double, p50: Double, p90: Double, p99: Double, largest: Double
  /// How many values there were.
  public let count: Int
}
