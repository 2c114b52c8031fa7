import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Rows of a product are computed in groups whose sizes follow from how many rows there are.
@Suite struct GemmRowCountTests {
  /// Every rest of a block of rows, and the ends of one and of two blocks.
  static let counts = Array(1...40) + [48, 95, 96, 97, 107, 108, 112, 115, 127, 128, 191, 192, 193]

  @Test(
    "a row has the same bits in a product of any number of rows",
    arguments: ConformanceCase.all.filter { $0.definition.opType == "gemm" && $0.solution.flavor != .swift })
  func anyCount(_ pair: ConformanceCase) throws {
    let total = 203, stream = CPUStream(threads: 2)
    let problem = try Problem(pair.definition, .rows(total), seed: 5)
    let names = Problem.constantNames(of: pair.definition)
    let library = KernelLibrary(solutions: [pair.solution], policy: KernelPolicy(preferred: [pair.solution.flavor]))
    let kernel = try library.bind(pair.definition, constants: problem.tensors.filter { names.contains($0.key) })
    let a = try #require(problem.tensors["A"])
    let N = try #require(pair.definition.outputShapes(axes: problem.axes).first??.last)

    func product(from first: Int, count: Int) throws -> GuardedTensor {
      let c = GuardedTensor(poisoned: .float32, [count, N])
      try kernel.apply([.tensor(a.narrow(0, from: first, count: count)), .tensor(c.tensor)], on: stream)
      #expect(c.isIntact, "\(count) rows: \(pair)")
      return c
    }
    let whole = try product(from: 0, count: total)
    for count in Self.counts {
      let first = total - count, part = try product(from: first, count: count)
      #expect(
        sameBits(part.tensor, whole.tensor.narrow(0, from: first, count: count)),
        "rows \(first)..<\(total) by themselves: \(pair)")
    }
  }
}
