import KernelRuntime
import Tensors
import Testing
import Traces

@testable import Kernels

/// What kernels keep between the layers of a step changes no bit, whatever comes next on the same stream.
@Suite struct KeptPlanTests {
  private static let attention = ConformanceCase.all.filter {
    $0.definition.opType == "gqa_paged" && $0.solution.flavor == .swiftFast
  }

  @Test(
    "batches take turns on one stream, with the bits of a fresh one",
    arguments: attention.filter { $0.definition.inputs["k_cache"]?.dtype != .int8 })
  func turns(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2), pageSize = try #require(pair.definition.axes["page_size"]?.value)
    var random = SeededGenerator(seed: 6)
    // More batches than are kept, of equal and of unequal sizes.
    let trees = (0..<3).flatMap { count in
      (0..<2).map { _ in PrefixTree.random(pageSize: pageSize, count: 2 + 3 * count, longest: 100, &random) }
    }
    let problems = try trees.enumerated().map { try $1.problem(pair.definition, seed: UInt64($0)) }
    let expected = try problems.map { try Execution(pair.solution, $0, on: CPUStream(threads: 1)) }
    for i in [0, 0, 1, 2, 1, 3, 4, 5, 0, 2, 2] {
      let found = try Execution(pair.solution, problems[i], on: stream)
      for name in pair.definition.outputs.names {
        let a = try #require(expected[i].outputs[name]), b = try #require(found.outputs[name])
        #expect(sameBits(a, b), "\(name) of batch \(i): \(pair)")
      }
    }
  }

  @Test("a number that changes in a table is seen, and refused when it is wrong", arguments: attention)
  func changedTable(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2)
    var problem = try Problem(pair.definition, .ragged(of: pair.definition), seed: 5)
    _ = try Execution(pair.solution, problem, on: stream)
    let indices = try #require(problem.tensors["kv_indices"]?.int32s)
    let other = indices.map { $0 == indices[0] ? indices[1] : $0 == indices[1] ? indices[0] : $0 }
    problem.tensors["kv_indices"] = Tensor(other, [other.count])
    let expected = try Execution(pair.solution, problem, on: CPUStream(threads: 2))
    let found = try Execution(pair.solution, problem, on: stream)
    for name in pair.definition.outputs.names {
      let a = try #require(expected.outputs[name]), b = try #require(found.outputs[name])
      #expect(sameBits(a, b), "\(name): \(pair)")
    }
    problem.tensors["kv_indices"] = Tensor([-1] + indices.dropFirst(), [indices.count])
    let error = #expect(throws: KernelError.self) { try Execution(pair.solution, problem, on: stream) }
    #expect(error?.reason.hasPrefix("kv_indices[0] is -1") == true)
  }

  @Test("the same tables over a smaller cache are checked again")
  func smallerCache() throws {
    let pair = try #require(Self.attention.first { !$0.definition.inputs.names.contains("k_scale") })
    let stream = CPUStream(threads: 1)
    var problem = try Problem(pair.definition, .ragged(of: pair.definition), seed: 5)
    _ = try Execution(pair.solution, problem, on: stream)
    let last = try #require(problem.tensors["kv_indices"]?.int32s.max())
    for name in ["k_cache", "v_cache"] {
      problem.tensors[name] = try #require(problem.tensors[name]).narrow(0, from: 0, count: Int(last))
    }
    #expect(throws: KernelError.self) { try Execution(pair.solution, problem, on: stream) }
  }
}
