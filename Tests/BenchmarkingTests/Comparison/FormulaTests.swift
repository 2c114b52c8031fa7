import Tensors
import Testing
import Traces

@testable import Benchmarking

/// Each rule against numbers worked out by hand.
struct FormulaTests {
  private func passes(
    _ found: [Float], _ expected: [Float], _ rule: OutputRule, _ dtype: DType = .float32
  ) throws -> Bool {
    try ComparisonFixture.compare(found, expected, rule, dtype).isPassed
  }

  @Test func `allclose-or fails only what is beyond both tolerances`() throws {
    let rule = OutputRule(.either(relative: 0.01, absolute: 0.5))
    // 100 against 100.9: beyond 0.5, but only 0.9 % off. 1 against 1.25: 25 % off, but within 0.5.
    #expect(try passes([100.9, 1.25], [100, 1], rule))
    // 2 against 3: 1 off and 50 % off.
    #expect(try !passes([3], [2], rule))
  }

  @Test func `allclose-and adds the tolerances`() throws {
    let rule = OutputRule(.sum(relative: 0.25, absolute: 0.5))
    // At 4 the sum allows 0.5 + 0.25 · 4 = 1.5.
    #expect(try passes([5.5, 2.5], [4, 4], rule))
    #expect(try !passes([5.625], [4], rule))
    // The reference's size counts, not the solution's: 0.5 + 0.25 · 2 = 1.
    #expect(try !passes([4], [2], rule))
  }

  @Test func `the two formulas disagree where each is wider`() throws {
    let or = OutputRule(.either(relative: 0.01, absolute: 0.01)), and = OutputRule(.sum(relative: 0.01, absolute: 0.01))
    // Off by 0.0195 at 1: beyond 0.01 and 1 %, within 0.01 + 0.01.
    #expect(try !passes([1.0195], [1], or))
    #expect(try passes([1.0195], [1], and))
    // Nothing that "or" lets pass fails the sum.
    #expect(try passes([0.009, 100.9], [0, 100], and))
  }

  @Test func `errors are the largest of all elements`() throws {
    let comparison = try ComparisonFixture.compare([1.5, 10], [1, 8], OutputRule(.either(relative: 1, absolute: 0)))
    #expect(comparison.isPassed && comparison.worst == nil)
    #expect(comparison.correctness.maxAbsoluteError == 2)
    #expect(comparison.correctness.maxRelativeError == 0.5)
    // Where the reference is zero the divisor is 1e-8.
    let zero = try ComparisonFixture.compare([1], [0], OutputRule(.either(relative: 1, absolute: 2)))
    #expect(zero.isPassed && abs(zero.correctness.maxRelativeError / 1e8 - 1) < 1e-6)
  }

  @Test func `the worst element is named with its place`() throws {
    let found = Tensor([1, 2, 3, 4, 1.5, 6], [2, 3]), expected = Tensor([1, 2, 3, 4, 1.25, 5.9], [2, 3])
    let comparison = ComparisonRules(outputs: ["o": OutputRule(.either(relative: 0.1, absolute: 0.01))]).compare(
      ["o": found], reference: ["o": expected], inputs: try ComparisonFixture.inputs())
    #expect(comparison.status == .incorrectNumerical)
    #expect(comparison.worst == "o[1, 1] is 1.5, the reference has 1.25")
  }

  @Test func `a ratio tolerates a share of the elements`() throws {
    var found = [Float](repeating: 1, count: 100), rule = OutputRule(.either(relative: 0.01, absolute: 0.01))
    let expected = found
    for i in 0..<5 { found[i] = 2 }
    #expect(try !passes(found, expected, rule))
    rule.requiredRatio = 0.95
    let comparison = try ComparisonFixture.compare(found, expected, rule)
    #expect(comparison.isPassed)
    #expect(comparison.correctness.extra?["matched_ratio"]?.double == 0.95)
    found[5] = 2
    #expect(try !passes(found, expected, rule))
    // But not of another kind.
    #expect(try !passes([.nan] + expected.dropFirst(), expected, rule))
    rule.requiredRatio = 0.5
    rule.errorCap = 0.75
    let capped = try ComparisonFixture.compare(found, expected, rule)
    #expect(!capped.isPassed && capped.worst?.contains("at most 0.75") == true)
    found = found.map { $0 == 2 ? 1.75 : $0 }
    #expect(try passes(found, expected, rule))
  }

  @Test func `absolute tolerances can grow with the reference`() throws {
    var rule = OutputRule(.either(relative: 0.01, absolute: 0.01))
    // The root mean square of 300, 400 and 0 is 288.7: 2 of cancelled terms is less than a hundredth of it.
    #expect(try !passes([300, 400, 2], [300, 400, 0], rule))
    rule.growsWithReference = true
    #expect(try passes([300, 400, 2], [300, 400, 0], rule))
    #expect(try !passes([300, 400, 3], [300, 400, 0], rule))
    #expect(try !passes([0.3, 0.4, 0.02], [0.3, 0.4, 0], rule))
  }

  @Test func `ulps count representable values, across zero too`() throws {
    let rule = OutputRule(.ulps(2))
    #expect(try passes([1 + 2 * 0x1p-23], [1], rule))
    #expect(try !passes([1 + 3 * 0x1p-23], [1], rule))
    #expect(try passes([1 + 0x1p-9], [1], OutputRule(.ulps(2)), .float16))
    #expect(try !passes([1 + 3 * 0x1p-10], [1], OutputRule(.ulps(2)), .float16))
    // From the smallest negative number over two zeros, which are one, to the smallest positive.
    #expect(try passes([0x1p-149], [-0x1p-149], rule))
    #expect(try !passes([0x1p-148], [-0x1p-149], rule))
    #expect(try passes([-0.0], [0], OutputRule(.ulps(0))))
  }

  @Test func `exact means the same bits`() throws {
    #expect(try passes([1, .nan, -.infinity], [1, .nan, -.infinity], OutputRule(.exact)))
    #expect(try !passes([0], [-0.0], OutputRule(.exact)))
    #expect(try !passes([1.0000001], [1], OutputRule(.exact)))
  }

  @Test func `the cosine is that of the whole output`() throws {
    var rule = OutputRule(.either(relative: 10, absolute: 10))
    rule.leastCosine = 0.9
    // (3, 4) and (4, 3): 24 / 25 = 0.96.
    #expect(try passes([3, 4], [4, 3], rule))
    rule.leastCosine = 0.97
    let comparison = try ComparisonFixture.compare([3, 4], [4, 3], rule)
    #expect(!comparison.isPassed && comparison.worst?.contains("0.96") == true)
    #expect(try passes([0, 0], [0, 0], rule))
    #expect(try !passes([0, 0], [1, 0], rule))
  }

  @Test func `integers are exact beyond what float32 holds, whatever the tolerance`() throws {
    func compare(_ found: Int64, _ expected: Int64) throws -> Comparison {
      func tensor(_ value: Int64) -> Tensor {
        let tensor = Tensor(.int64, [1])
        tensor.elements(as: Int64.self)[0] = value
        return tensor
      }
      return ComparisonRules(fallback: OutputRule(.either(relative: 1, absolute: 10))).compare(
        ["o": tensor(found)], reference: ["o": tensor(expected)], inputs: try ComparisonFixture.inputs())
    }
    #expect(try compare(1 << 24, 1 << 24).isPassed)
    let off = try compare(1 << 24 + 1, 1 << 24)
    #expect(off.status == .incorrectNumerical && off.correctness.maxAbsoluteError == 1)
    #expect(off.worst == "o[0] is 16777217, the reference has 16777216")
    #expect(try !compare(.max, .min).isPassed)
  }

  @Test func `sets of indices ignore order and padding`() throws {
    func compare(_ found: [Int32], _ expected: [Int32]) throws -> Comparison {
      ComparisonRules(fallback: OutputRule(.sameSet)).compare(
        ["o": Tensor(found, [2, 3])], reference: ["o": Tensor(expected, [2, 3])], inputs: try ComparisonFixture.inputs()
      )
    }
    #expect(try compare([3, 1, -1, 5, 6, 7], [1, -1, 3, 7, 6, 5]).isPassed)
    let wrong = try compare([3, 1, -1, 5, 6, 8], [1, -1, 3, 7, 6, 5])
    #expect(wrong.worst == "row 1 of o has the index 8, which the reference's does not have")
    #expect(wrong.correctness.maxAbsoluteError == .infinity)
    // An index twice is not the same as two indices.
    #expect(try !compare([3, 3, -1, 5, 6, 7], [3, 1, -1, 5, 6, 7]).isPassed)
  }

  @Test func `large outputs are compared to the last element, in every type`() throws {
    for dtype in [DType.float32, .float16, .bfloat16, .float8_e4m3fn, .float8_e5m2] {
      let values = [Float](repeating: 1, count: 3 * ElementChunks.size + 1)
      var other = values
      #expect(try passes(values, other, OutputRule(.either(relative: 0.01, absolute: 0.01)), dtype))
      other[other.count - 1] = 2
      let comparison = try ComparisonFixture.compare(
        values, other, OutputRule(.either(relative: 0.01, absolute: 0.01)), dtype)
      #expect(comparison.worst == "o[\(values.count - 1)] is 1.0, the reference has 2.0")
    }
    #expect(try passes([], [], OutputRule(.exact)))
  }
}
