import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Draws from flat distributions fall near borders between tokens: fast sampling must still be the oracle's, token by token.
@Suite struct SamplingAgreementTests {
  @Test(
    "many draws from flat and peaked rows are the oracle's",
    arguments: KernelCatalog.solutions.filter { $0.operation == "sampling" && $0.flavor == .swiftFast })
  func draws(_ solution: KernelSolution) throws {
    let definition = Sampler.definition(vocabularySize: 5000)
    guard solution.availability(definition, BindContext(device: .cpu)) == .available else { return }
    let rows = 200, stream = CPUStream(threads: 2)
    var random = SeededGenerator(seed: 5)
    let logits = Tensor((0..<rows * 5000).map { i in random.value() * (i / 5000 % 3 == 0 ? 0.1 : 2) }, [rows, 5000])
    func column(_ value: (Int) -> Float) -> KernelArgument { .tensor(Tensor((0..<rows).map(value), [rows])) }
    let uniform = (0..<rows).map { _ in random.unit() }
    func samples(_ solution: KernelSolution) throws -> [Int32] {
      let kernel = try KernelLibrary(
        solutions: [solution], policy: KernelPolicy(preferred: [KernelFlavor(rawValue: solution.name)])
      ).bind(definition)
      let output = Tensor(.int32, [rows])
      try kernel.apply(
        [
          .tensor(logits), column { [0.5, 1, 3][$0 % 3] }, .tensor(Tensor([Int32](repeating: 0, count: rows), [rows])),
          column { [1, 0.9, 0.999][$0 / 3 % 3] }, column { _ in 0 }, column { uniform[$0] }, .tensor(output),
        ], on: stream)
      return output.int32s
    }
    let oracle = try #require(KernelCatalog.solutions.first { $0.operation == "sampling" && $0.flavor == .swift })
    #expect(try samples(solution) == samples(oracle))
  }
}
