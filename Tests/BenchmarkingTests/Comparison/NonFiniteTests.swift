import Testing
import Traces

@testable import Benchmarking

/// What NaN and infinities mean under each policy.
struct NonFiniteTests {
  private typealias Policy = OutputRule.NonFinite

  private func passes(_ found: Float, _ expected: Float, _ policy: OutputRule.NonFinite) throws -> Bool {
    let rule = OutputRule(.either(relative: 0.01, absolute: 0.01), nonFinite: policy)
    return try ComparisonFixture.compare([1, found], [1, expected], rule).isPassed
  }

  @Test(
    "pairs of special values pass where the policy says so",
    arguments: [
      // found, expected, and the policies that let them pass
      (Float.nan, Float.nan, [OutputRule.NonFinite.matching]),
      (1, .nan, [.solutionOnly]), (.nan, 1, []), (.infinity, 1, []), (1, .infinity, [.solutionOnly]),
      (.infinity, .infinity, [.matching, .equalInfinities]),
      (-.infinity, -.infinity, [.matching, .equalInfinities, .negativeInfinities]), (-.infinity, .infinity, []),
      (.nan, -.infinity, []),
    ] as [(Float, Float, [OutputRule.NonFinite])])
  func pairsOfSpecialValues(_ found: Float, _ expected: Float, _ passing: [OutputRule.NonFinite]) throws {
    for policy in OutputRule.NonFinite.allCases {
      #expect(
        try passes(found, expected, policy) == passing.contains(policy), "\(found) for \(expected), \(policy.rawValue)")
    }
  }

  @Test func `an infinity is reported as infinite errors, NaN as NaN, and an infinity outweighs it`() throws {
    let rule = OutputRule(.either(relative: 0.01, absolute: 0.01))
    let infinite = try ComparisonFixture.compare([.infinity, 1], [1, 1], rule)
    #expect(infinite.correctness.maxAbsoluteError == .infinity && infinite.correctness.maxRelativeError == .infinity)
    let nan = try ComparisonFixture.compare([.nan, 1], [1, 1], rule)
    #expect(nan.correctness.maxAbsoluteError.isNaN && nan.correctness.maxRelativeError.isNaN)
    for found in [[Float.nan, .infinity], [.infinity, .nan]] {
      #expect(try ComparisonFixture.compare(found, [1, 1], rule).correctness.maxAbsoluteError == .infinity)
    }
    #expect(nan.worst == "o[0] is nan, the reference has 1.0")
    // What matches leaves the errors alone.
    let matching = try ComparisonFixture.compare([-.infinity, 1.005], [-.infinity, 1], rule)
    #expect(matching.isPassed && matching.correctness.maxAbsoluteError < 0.006)
  }
}
