import JSONText
import Tensors
import Traces

@testable import Benchmarking

/// One output "o" to compare, of any type.
enum ComparisonFixture {
  static func definition(
    _ dtype: DType = .float32, name: String = "d", opType: String = "x", outputs: [String] = ["o"]
  ) throws -> Definition {
    try Definition(
      name: name, opType: opType, axes: ["n": .var], inputs: ["i": .tensor("n", dtype: .float32)],
      outputs: OrderedMap(outputs.map { ($0, TensorSpec.tensor("n", dtype: dtype)) }),
      reference: "def run(i):\n  return i\n")
  }

  static func inputs() throws -> WorkloadInputs {
    try WorkloadInputs(definition(), Workload(uuid: "w", axes: ["n": 1]), seed: 1)
  }

  static func compare(
    _ found: [Float], _ expected: [Float], _ rule: OutputRule, _ dtype: DType = .float32
  ) throws -> Comparison {
    let rules = ComparisonRules(outputs: ["o": rule])
    return rules.compare(
      ["o": Tensor(dtype, [found.count], rounding: found)],
      reference: ["o": Tensor(dtype, [expected.count], rounding: expected)], inputs: try inputs())
  }

  static func rules(_ text: String) throws -> ComparisonRules { try ComparisonRules(json: JSONValue(parsing: text)) }
}
