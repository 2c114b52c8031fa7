import Checkpoints
import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Several products of one input, which quantise it once between them.
@Suite struct CommonInputTests {
  private static let formats: [(WeightFormat, features: Int)] = [
    (.q4_1, 40), (.q8_0, 33), (.f32, 20), (.q4_k, 64), (.q4_1, 200), (.q6_k, 7),
  ]

  /// Each format with each solution that this processor has, so that forms of all kinds come one after the other.
  private static func kernels() throws -> [BoundKernel] {
    var kernels: [BoundKernel] = []
    for (format, features) in formats {
      let definition = Gemm.definition(format: format, features: features, inputs: 256, hasBias: false)
      let constants = try Problem(definition, .rows(1), seed: 2).tensors.filter { $0.key == "B" }
      for solution in KernelCatalog.solutions
      where solution.operation == "gemm" && solution.flavor == .swiftFast
        && solution.availability(definition, BindContext(device: .cpu, constants: constants)) == .available
      {
        let library = KernelLibrary(solutions: [solution], policy: KernelPolicy(preferred: [solution.flavor]))
        kernels.append(try library.bind(definition, constants: constants))
      }
    }
    return kernels
  }

  private func run(_ kernel: BoundKernel, _ input: Tensor, on stream: CPUStream) throws(KernelError) -> Tensor {
    let output = Tensor(.float32, [input.shape[0], kernel.definition.axes["N"]?.value ?? 0])
    try kernel.apply([.tensor(input), .tensor(output)], on: stream)
    return output
  }

  @Test("each has the bits that it has alone, also with other inputs between them", arguments: [1, 7, 40])
  func bits(rows: Int) throws {
    var random = SeededGenerator(seed: 4)
    let inputs = [1, 100].map { (scale: Float) in
      Tensor((0..<rows * 256).map { _ in random.value() * scale }, [rows, 256])
    }
    let kernels = try Self.kernels(), fresh = CPUStream(threads: 1), stream = CPUStream(threads: 2)
    #expect(kernels.count >= Self.formats.count)
    for (number, input) in inputs.enumerated() {
      let expected = try kernels.map { try run($0, input, on: fresh) }
      var found: [Tensor] = []
      try stream.reading(input) { () throws(KernelError) in
        for (i, kernel) in kernels.enumerated() {
          found.append(try run(kernel, input, on: stream))
          if i % 3 == 1 { _ = try run(kernel, inputs[1 - number], on: stream) }
        }
      }
      for i in kernels.indices { #expect(sameBits(found[i], expected[i]), "\(kernels[i].solution)") }
    }
  }
}
