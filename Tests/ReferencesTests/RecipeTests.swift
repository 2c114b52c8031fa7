import Benchmarking
import ReferenceInputs
import Tensors
import Testing
import Traces

/// The inputs that fixtures describe.
@Suite struct RecipeTests {
  @Test("bits by position are those of the benchmark's random numbers")
  func bits() {
    for name in ["", "q", "gemm_n128_k2048/one/A"] {
      let mine = PositionBits(seed: 7, name: name), theirs = CounterRandom(seed: 7, name: name)
      for i in [0, 1, 2, 1000, 1 << 40] { #expect(mine.bits(i) == theirs.bits(i)) }
      #expect(mine.permutation(100) == theirs.permutation(100))
    }
  }

  @Test("permutations are those of the script that made the fixtures")
  func permutations() {
    #expect(PositionBits(seed: 1, name: "x").permutation(12) == [4, 3, 2, 0, 10, 11, 8, 9, 7, 1, 5, 6])
  }

  @Test("random floats lie in the four binades below the next power of two, whatever the type")
  func floats() throws {
    for dtype in [DType.float32, .float16, .bfloat16, .float8_e4m3fn] {
      let recipe = Recipe.floats(top: -2, isPositive: false, rows: [1, 3])
      let tensor = try recipe.tensor(named: "x", dtype, [4, 1001]) { count, body in for i in 0..<count { body(i) } }
      let values = tensor.values, rows = (0..<4).map { Array(values[$0 * 1001..<($0 + 1) * 1001]) }
      #expect(rows[0].allSatisfy { $0 == 0 } && rows[2].allSatisfy { $0 == 0 })
      #expect((rows[1] + rows[3]).allSatisfy { 0x1p-5 <= abs($0) && abs($0) < 0x1p-1 })
      #expect(rows[1].contains { $0 < 0 } && rows[1].contains { $0 > 0 } && rows[1] != rows[3])
    }
  }

  private static let operations = [
    "rmsnorm", "gemm", "rope", "gqa_paged", "gqa_ragged", "mla_paged", "mla_ragged", "moe", "sampling",
  ]

  /// What constraints may read of a case: index arrays as written, everything else by shape.
  private func results(_ each: FixtureCase, changed: [String: [Int]] = [:]) -> [ConstraintResult] {
    var tensors: [String: any ReadableTensor] = [:], scalars: [String: ScalarValue] = [:]
    for (name, recipe) in each.recipes {
      switch recipe {
      case .values(let values) where each.definition.inputs[name]?.shape?.count == 1:
        tensors[name] = IntegerTensor(changed[name] ?? values.map { Int($0) })
      case .scalar(let value): scalars[name] = .float(value)
      default: break
      }
    }
    return each.definition.evaluateConstraints(axes: each.axes, tensors: tensors, scalars: scalars)
  }

  @Test("the workloads satisfy every constraint of their definitions", arguments: operations)
  func constraintsHold(_ operation: String) throws {
    for each in try FixtureCase.all(operation) {
      let results = results(each)
      #expect(results.count == each.definition.constraints.count)
      for result in results { #expect(result.outcome == .holds, "\(each): \(result)") }
    }
  }

  @Test(
    "an index pointer with a wrong end violates exactly the constraint on it", arguments: ["kv_indptr", "qo_indptr"])
  func constraintsAreViolated(_ pointer: String) throws {
    var checked = 0
    for operation in ["gqa_paged", "gqa_ragged", "mla_paged", "mla_ragged"] {
      for each in try FixtureCase.all(operation) where each.definition.inputs[pointer] != nil {
        guard case .values(let values) = each.recipes[pointer] else { continue }
        var wrong = values.map { Int($0) }
        wrong[wrong.count - 1] += 1
        let violated = results(each, changed: [pointer: wrong]).filter { $0.outcome == .violated }
        #expect(violated.count == 1 && violated[0].constraint.contains("\(pointer)[-1]"), "\(each)")
        checked += 1
      }
    }
    #expect(checked > 60)
  }
}
