import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Keys and values in int8 with one scale for each slot and head: what is written, and what attention loses by it.
@Suite struct Int8CacheTests {
  private let stream = CPUStream(threads: 1)

  @Test("a head becomes whole numbers of its largest element's 127th part, ties to even")
  func quantisation() throws {
    let definition = KeyValueStore.definition(keyValueHeads: 5, headDimension: 4, pageSize: 1, cacheType: .int8)
    var problem = try Problem(definition, .rows(1), seed: 1)
    problem.tensors["k"] = Tensor(
      [
        127, 0.5, 1.5, -2.5, 0, 0, -0.0, 0, -254, 253, 1, 3, 1, .nan, 2, 3, 5, -.infinity, 0, 1,
      ] as [Float], [1, 5, 4])
    problem.tensors["slots"] = Tensor([1] as [Int32], [1])
    for solution in KernelCatalog.solutions.filter({ $0.operation == "kv_store" }) {
      guard solution.availability(definition, BindContext(device: .cpu)) == .available else { continue }
      let found = try Execution(solution, problem, on: stream)
      let units = try #require(found.outputs["k_cache_out"]).integers.dropFirst(20).prefix(20)
      let scales = try #require(found.outputs["k_scale_out"]).floats.dropFirst(5).prefix(5)
      #expect(Array(units) == [127, 0, 2, -2, 0, 0, 0, 0, -127, 126, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], "\(solution.name)")
      #expect(Array(scales.prefix(3)) == [1, 0, 2], "\(solution.name)")
      #expect(scales.suffix(2).allSatisfy { $0.isNaN }, "\(solution.name)")
    }
  }

  @Test("attention over an int8 cache is within 0.005 of float32's, and zeros stay zeros")
  func accuracy() throws {
    let (heads, dimension, length) = (2, 64, 200)
    var random = SeededGenerator(seed: 17)
    func normal() -> Float { (0..<12).reduce(-6) { sum, _ in sum + random.unit() } }
    func rows(_ count: Int) -> Tensor {
      Tensor((0..<count * dimension).map { _ in normal() }, [count / heads, heads, dimension])
    }
    let key = rows(length * heads), value = rows(length * heads), query = rows(2 * heads)
    // The values of the second head are zero: so is its attention.
    for t in 0..<length {
      for i in 0..<dimension { value.elements(as: Float.self)[(t * heads + 1) * dimension + i] = 0 }
    }
    func attention(_ type: DType) throws -> [Float] {
      let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: .auto)
      let store = try KeyValueStore(
        library, keyValueHeads: heads, headDimension: dimension, pageSize: 16, cacheType: type)
      let attend = try PagedAttention(
        library, queryHeads: heads, keyValueHeads: heads, headDimension: dimension, pageSize: 16, cacheType: type)
      let shape: Shape = [13, 16, heads, dimension], k = Tensor(type, shape), v = Tensor(type, shape)
      let scales = (0..<2).map { _ in type == .int8 ? Tensor(.float32, [13, 16, heads]) : nil }
      try store(
        key: key, value: value, keyCache: k, valueCache: v, keyScales: scales[0], valueScales: scales[1],
        slots: Tensor((0..<Int32(length)).map { $0 }, [length]), on: stream)
      let output = Tensor(.float32, [2, heads, dimension])
      try attend(
        query: query, keyCache: k, valueCache: v, keyScales: scales[0], valueScales: scales[1],
        qoIndptr: Tensor([0, 2] as [Int32], [2]), kvIndptr: Tensor([0, 13] as [Int32], [2]),
        kvIndices: Tensor((0..<13).map { Int32($0) }, [13]), kvLastPageLen: Tensor([8] as [Int32], [1]),
        output: output, lse: Tensor(.float32, [2, heads]), on: stream)
      return output.floats
    }
    let exact = try attention(.float32), half = try attention(.float16), byte = try attention(.int8)
    func error(_ found: [Float]) -> Float { zip(found, exact).reduce(0) { max($0, abs($1.0 - $1.1)) } }
    print("attention over 200 positions: float16 within \(error(half)), int8 within \(error(byte)) of float32")
    #expect(error(half) < 5e-4)
    #expect(error(byte) < 5e-3)
    for i in 0..<byte.count where i / dimension % heads == 1 { #expect(byte[i] == 0) }
  }
}
