import Testing

@testable import Benchmarking

struct TimingSummaryTests {
  @Test func `the median is the middle, or the mean of the two middles`() {
    #expect(TimingSummary(samples: [3, 1, 2]).median == 2)
    #expect(TimingSummary(samples: [4, 1, 3, 2]).median == 2.5)
    #expect(TimingSummary(samples: [5]).median == 5)
  }

  @Test(
    "the interval's ranks are those of the binomial table",
    // n, and the largest k with P(B(n, 1/2) < k) ≤ 0.025: the published table of ranks for the median.
    arguments: [
      (1, 1), (5, 1), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10), (50, 18),
      (100, 40),
      (1000, 469),
    ])
  func ranks(_ n: Int, _ rank: Int) {
    #expect(TimingSummary.rank(n) == rank)
    let summary = TimingSummary(samples: (1...n).map(Double.init).reversed())
    #expect(summary.low == Double(rank) && summary.high == Double(n + 1 - rank))
    #expect(summary.minimum == 1 && summary.count == n)
  }

  @Test func `ranks grow with the samples, also where they are approximated`() {
    for n in stride(from: 900, to: 1200, by: 7) {
      #expect(TimingSummary.rank(n) <= TimingSummary.rank(n + 7))
      #expect(abs(TimingSummary.rank(n + 1) - TimingSummary.rank(n)) <= 1)
    }
  }

  @Test func `the interval holds the true median nineteen times in twenty`() {
    let random = CounterRandom(seed: 6, name: "times")
    let held = (0..<2000).filter { trial in
      let summary = TimingSummary(samples: (0..<31).map { Double(random.uniform(31 * trial + $0)) })
      return summary.low <= 0.5 && 0.5 <= summary.high
    }
    #expect(held.count > 1900 && held.count < 2000)
  }

  @Test func `intervals that share a point overlap`() {
    let a = TimingSummary(samples: [1, 2, 3]), b = TimingSummary(samples: [3, 4]), c = TimingSummary(samples: [3.5, 5])
    #expect(a.overlaps(b) && b.overlaps(a) && b.overlaps(c) && !a.overlaps(c) && !c.overlaps(a))
  }

  @Test func `without samples nothing is known`() {
    let none = TimingSummary(samples: [.nan, .infinity])
    #expect(none.count == 0 && none.median.isNaN && !none.overlaps(none))
    #expect(none.json.compact == #"{"median":null,"low":null,"high":null,"minimum":null,"count":0}"#)
    #expect(
      TimingSummary(samples: [0.5]).json.compact == #"{"median":0.5,"low":0.5,"high":0.5,"minimum":0.5,"count":1}"#)
  }
}
