import Glibc
import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// The oracles against results worked out by hand: everything else is compared with them.
@Suite struct OracleTests {
  private let stream = CPUStream(threads: 1)

  private func run(_ problem: Problem, _ output: String) throws -> Tensor {
    let oracle = try ConformanceCase.oracle(of: problem.definition)
    return try #require(Execution(oracle, problem, on: stream).outputs[output])
  }

  @Test("attention to equal keys is the mean of the values that are seen")
  func attention() throws {
    for window in [nil, 2] as [Int?] {
      let definition = PagedAttention.definition(
        queryHeads: 1, keyValueHeads: 1, headDimension: 2, pageSize: 1, cacheType: .float32, window: window)
      var problem = try Problem(definition, .sequences([(3, 4)]), seed: 1)
      let pages = try #require(problem.tensors["kv_indices"]).int32s
      let keys = Tensor(.float32, [7, 1, 1, 2]), values = Tensor(.float32, [7, 1, 1, 2])
      for (position, page) in pages.enumerated() {
        keys.elements(as: Float.self)[2 * Int(page)] = 1
        values.elements(as: Float.self)[2 * Int(page)] = Float(position)
      }
      problem.tensors["q"] = Tensor([8, 0, 8, 0, 8, 0] as [Float], [3, 1, 2])
      (problem.tensors["k_cache"], problem.tensors["v_cache"]) = (keys, values)
      let output = try run(problem, "output").floats, lse = try run(problem, "lse").floats
      for query in 0..<3 {
        let own = query + 1, first = max(0, own + 1 - (window ?? 100)), count = own - first + 1
        #expect(abs(output[2 * query] - Float(first + own) / 2) < 1e-6)
        #expect(output[2 * query + 1] == 0)
        // Each score is 8 * 0.125 = 1: log2(count * e).
        #expect(abs(Double(lse[query]) - log2(Double(count) * exp(1))) < 1e-6)
      }
    }
  }

  @Test("rotation by a quarter turn moves a to b, and b to minus a", arguments: [RotaryStyle.neox, .interleaved])
  func rope(style: RotaryStyle) throws {
    let definition = RotaryEmbedding.definition(
      queryHeads: 1, keyValueHeads: 1, headDimension: 5, rotaryDimension: 4, style: style)
    var problem = try Problem(definition, .rows(1), seed: 1)
    problem.axes["max_seq_len"] = 2
    problem.tensors["q"] = Tensor([1, 2, 3, 4, 5] as [Float], [1, 1, 5])
    // Position 1 turns the first pair only.
    problem.tensors["cos_sin_cache"] = Tensor([1, 1, 0, 0, 0, 1, 1, 0] as [Float], [2, 4])
    problem.tensors["positions"] = Tensor([1] as [Int32], [1])
    #expect(try run(problem, "q_out").floats == (style == .neox ? [-3, 2, 1, 4, 5] : [-2, 1, 3, 4, 5]))
  }

  @Test("a draw lands in the token whose share of the kept mass holds it")
  func sampling() throws {
    // Sorted shares of 10: 4, 3, 2, 1 for tokens 1, 2, 3, 0.
    let logits: [Float] = [0, logf(4), logf(3), logf(2)]
    let rows: [(uniform: Float, topK: Int32, topP: Float, minP: Float, token: Int32)] = [
      (0.39, 0, 1, 0, 1), (0.41, 0, 1, 0, 2), (0.69, 0, 1, 0, 2), (0.71, 0, 1, 0, 3), (0.91, 0, 1, 0, 0),
      (0.99, 2, 1, 0, 2), (0.56, 2, 1, 0, 1), (0.99, 0, 0.6, 0, 2), (0.99, 0, 0.75, 0, 3), (0.99, 0, 1, 0.6, 2),
    ]
    var problem = try Problem(Sampler.definition(vocabularySize: 4), .rows(rows.count), seed: 1)
    func column(_ values: [Float]) -> Tensor { Tensor(values, [rows.count]) }
    problem.tensors["logits"] = Tensor(rows.flatMap { _ in logits }, [rows.count, 4])
    problem.tensors["temperature"] = column(rows.map { _ in 1 })
    problem.tensors["uniform"] = column(rows.map(\.uniform))
    problem.tensors["top_p"] = column(rows.map(\.topP))
    problem.tensors["min_p"] = column(rows.map(\.minP))
    problem.tensors["top_k"] = Tensor(rows.map(\.topK), [rows.count])
    #expect(try run(problem, "samples").int32s == rows.map(\.token))
  }
}
