import KernelRuntime
import Kernels
import ReferenceInputs
import Tensors
import TestSupport
import Testing
import Traces

/// The plain Swift references against what the definitions' own Python computed, at the definitions' real sizes.
@Suite(.serialized) struct AgreementTests {
  private static let library = KernelLibrary(
    solutions: KernelCatalog.solutions, policy: KernelPolicy(preferred: [.swift]))

  @Test(
    "a reference computes what its definition's Python computes",
    arguments: ["rmsnorm", "gemm", "rope", "gqa_paged", "gqa_ragged", "mla_paged", "mla_ragged", "moe"])
  func agrees(_ operation: String) throws {
    let cases = try FixtureCase.all(operation), stream = CPUStream(threads: 2)
    let names = PublicDefinitions.all.filter { $0.opType == operation }.map(\.name)
    #expect(Set(cases.map(\.definition.name)) == Set(names), "every definition of \(operation) has cases")
    for each in cases where try each.isPossible() {
      let kernel = try Self.library.bind(each.definition)
      #expect(kernel.solution == "\(operation)_swift_reference")
      let (arguments, outputs) = try each.arguments(on: stream.pool)
      try kernel.apply(arguments, on: stream)
      #expect(each.outputs.count == outputs.count)
      for (tensor, name) in zip(outputs, each.definition.outputs.names) {
        let expected = try ExpectedOutput(try #require(each.outputs[name]), tensor.dtype)
        for problem in expected.differences(from: tensor) { Issue.record("\(each)/\(name): \(problem)") }
      }
    }
  }
}
