import Glibc
import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Exponentials and logarithms over their whole range, by relative error.
@Suite struct AccuracyTests {
  private static func cases(_ definition: Definition) -> [ConformanceCase] {
    ConformanceCase.all.filter { $0.definition.name == definition.name }
  }

  @Test(
    "silu is right from one end of the exponential's range to the other",
    arguments: cases(SiluAndMul.definition(intermediateSize: 1536)))
  func silu(_ pair: ConformanceCase) throws {
    var problem = try Problem(pair.definition, .rows(1), seed: 1)
    let input = Tensor(.float32, [1, 3072]), elements = input.elements(as: Float.self)
    for i in 0..<1536 {
      elements[i] = Float(i - 768) * (85.0 / 768)
      elements[1536 + i] = 1
    }
    problem.tensors["input"] = input
    let output = try #require(Execution(pair.solution, problem, on: CPUStream(threads: 1)).outputs["output"]).floats
    for i in 0..<1536 {
      let x = Double(elements[i]), expected = x / (1 + exp(-x))
      #expect(abs(Double(output[i]) - expected) <= 1e-6 * abs(expected), "silu(\(x)) is \(output[i]): \(pair)")
    }
  }

  @Test(
    "silu of what no exponential can hold is the gate or nothing, never NaN",
    arguments: cases(SiluAndMul.definition(intermediateSize: 16)))
  func siluOfExtremes(_ pair: ConformanceCase) throws {
    var problem = try Problem(pair.definition, .rows(1), seed: 1)
    let gates: [Float] = [-1e30, -1000, -104, -88.8, -0.0, 0, 1e-30, 88.8, 104, 1000, 1e30, 3e38, -3e38, 20, -20, 5]
    problem.tensors["input"] = Tensor(gates + [Float](repeating: 1, count: 16), [1, 32])
    let output = try #require(Execution(pair.solution, problem, on: CPUStream(threads: 1)).outputs["output"]).floats
    for (gate, found) in zip(gates, output) {
      let x = Double(gate), expected = x < -700 ? 0 : x / (1 + exp(-x))
      // Below e^-87 results may be flushed to zero.
      #expect(abs(Double(found) - expected) <= 1e-6 * abs(expected) + 1e-35, "silu(\(gate)) is \(found): \(pair)")
    }
  }

  @Test(
    "attention over scores of any size keeps its logarithm right",
    arguments: [0.001, 1, 30, 80].flatMap { scale in
      cases(
        PagedAttention.definition(
          queryHeads: 4, keyValueHeads: 2, headDimension: 16, pageSize: 16, cacheType: .float32)
      ).map { (scale, $0) }
    })
  func attention(scale: Double, _ pair: ConformanceCase) throws {
    var problem = try Problem(pair.definition, .sequences([(3, 3), (2, 90), (1, 17)]), seed: 4)
    problem.scalars["sm_scale"] = scale
    let stream = CPUStream(threads: 1)
    let found = try Execution(pair.solution, problem, on: stream)
    let oracle = try Execution(ConformanceCase.oracle(of: pair.definition), problem, on: stream)
    let lse = try #require(found.outputs["lse"]).floats, expected = try #require(oracle.outputs["lse"]).floats
    for i in lse.indices { #expect(abs(lse[i] - expected[i]) <= 2e-6 * max(1, abs(expected[i])), "lse[\(i)]: \(pair)") }
    let output = try #require(found.outputs["output"]).floats, right = try #require(oracle.outputs["output"]).floats
    // A score is off by a rounding of its terms, which the exponential multiplies.
    let allowed = Float(2e-5 * max(1, scale))
    for i in output.indices { #expect(abs(output[i] - right[i]) <= allowed, "output[\(i)] at \(scale): \(pair)") }
  }
}
