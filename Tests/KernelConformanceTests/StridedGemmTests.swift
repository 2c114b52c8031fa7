import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// A gemm may read and write a part of wider tensors: q, k and v share one.
@Suite struct StridedGemmTests {
  @Test(
    "rows that lie apart give the same bits, and nothing between them is written",
    arguments: ConformanceCase.all.filter { $0.definition.opType == "gemm" })
  func rowsApart(_ pair: ConformanceCase) throws {
    let problem = try Problem(pair.definition, .rows(7), seed: 11), stream = CPUStream(threads: 2)
    let dense = try #require(Execution(pair.solution, problem, on: stream).outputs["C"])
    let a = try #require(problem.tensors["A"]), K = a.shape[1], N = dense.shape[1]

    let values = a.floats, wideA = GuardedTensor(poisoned: .float32, [7, K + 5]).tensor
    for m in 0..<7 {
      for k in 0..<K { wideA.elements(as: Float.self)[m * (K + 5) + 2 + k] = values[m * K + k] }
    }
    let wide = GuardedTensor(poisoned: .float32, [7, N + 9])
    let names = Problem.constantNames(of: pair.definition)
    let library = KernelLibrary(solutions: [pair.solution], policy: KernelPolicy(preferred: [pair.solution.flavor]))
    let kernel = try library.bind(pair.definition, constants: problem.tensors.filter { names.contains($0.key) })
    try kernel.apply(
      [
        .tensor(wideA.narrow(1, from: 2, count: K)), .tensor(wide.tensor.narrow(1, from: 4, count: N)),
      ], on: stream)

    #expect(wide.isIntact)
    let found = wide.tensor.floats, expected = dense.floats
    for m in 0..<7 {
      for n in 0..<(N + 9) {
        let value = found[m * (N + 9) + n]
        if 4..<(4 + N) ~= n {
          #expect(value.bitPattern == expected[m * N + n - 4].bitPattern, "C[\(m), \(n - 4)]: \(pair)")
        } else {
          #expect(value.isNaN, "beside row \(m) of C: \(pair)")
        }
      }
    }
  }
}
