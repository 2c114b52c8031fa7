import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

@testable import Benchmarking

struct WorkCostTests {
  static let ceilings = MachineCeilings(
    threads: 2, instructionSet: .avx512, floatGigaflops: 100, integerGigaops: 400, readGigabytes: 10,
    readSetBytes: 1_000_000)

  private func cost(_ definition: Definition, _ axes: OrderedMap<Int>) throws -> WorkCost {
    let inputs = try WorkloadInputs(definition, Workload(uuid: "w", axes: axes), seed: 1)
    return WorkCost(definition, axes: axes, inputs: inputs)
  }

  @Test func `gemm reads both matrices, writes one, and takes 2 M N K`() throws {
    let gemm = Gemm.definition(format: .f32, features: 8, inputs: 4, hasBias: false)
    // A 3 · 4, B 8 · 4, C 3 · 8 floats.
    #expect(try cost(gemm, ["M": 3]) == WorkCost(bytes: 272, operations: 192))
    #expect(try cost(gemm, ["M": 0]) == WorkCost(bytes: 0, operations: 0))
    // Blocks of 32 values in 18 bytes.
    let quantised = Gemm.definition(format: .q4_0, features: 8, inputs: 64, hasBias: false)
    let bytes1 = 4 * 64 + 8 * 36 + 4 * 8
    #expect(try Int(cost(quantised, ["M": 1]).bytes) == bytes1)
  }

  @Test func `look-ups count the rows that are reached, once`() throws {
    let embedding = Embedding.definition(format: .f32, vocabularySize: 1000, hiddenSize: 8)
    var inputs = try WorkloadInputs(embedding, Workload(uuid: "w", axes: ["num_tokens": 4]), seed: 1)
    inputs.arguments["tokens"] = .tensor(Tensor([7, 7, 9, 7] as [Int32], [4]))
    // Four tokens, two rows, four rows written.
    let bytes2 = 4 * 4 + 2 * 32 + 4 * 32
    #expect(Int(WorkCost(embedding, axes: inputs.axes, inputs: inputs).bytes) == bytes2)
    // At least one row when the tokens are not known.
    let bytes3 = 4 * 4 + 32 + 4 * 32
    #expect(Int(WorkCost(embedding, axes: inputs.axes, inputs: nil).bytes) == bytes3)
  }

  @Test func `a store touches the slots that it writes, not the cache`() throws {
    let store = KeyValueStore.definition(keyValueHeads: 2, headDimension: 8, pageSize: 16, cacheType: .float16)
    // Keys and values of 3 tokens as floats, slots, and 3 slots of each cache in float16.
    let bytes4 = 2 * 3 * 64 + 12 + 2 * 3 * 32
    #expect(try Int(cost(store, ["num_tokens": 3, "num_pages": 50]).bytes) == bytes4)
    // Of an int8 cache each slot has a scale for each head, too.
    let quantised = KeyValueStore.definition(keyValueHeads: 2, headDimension: 8, pageSize: 16, cacheType: .int8)
    let bytes5 = 2 * 3 * 64 + 12 + 2 * 3 * (16 + 8)
    #expect(try Int(cost(quantised, ["num_tokens": 3, "num_pages": 50]).bytes) == bytes5)
  }

  private func attention(
    queries: [Int32], pages: [Int32], last: [Int32], window: Int? = nil, shared: [Int32]? = nil
  ) throws -> WorkCost {
    let definition = PagedAttention.definition(
      queryHeads: 2, keyValueHeads: 1, headDimension: 4, pageSize: 4, cacheType: .float16, window: window)
    let sequences = last.count, entries = Int(pages.last ?? 0)
    let axes: OrderedMap<Int> = [
      "total_q": Int(queries.last ?? 0), "num_pages": 20, "len_indptr": sequences + 1, "batch_size": sequences,
      "num_kv_indices": entries,
    ]
    var inputs = try WorkloadInputs(definition, Workload(uuid: "w", axes: axes), seed: 1)
    inputs.arguments["qo_indptr"] = .tensor(Tensor(queries, [queries.count]))
    inputs.arguments["kv_indptr"] = .tensor(Tensor(pages, [pages.count]))
    inputs.arguments["kv_last_page_len"] = .tensor(Tensor(last, [last.count]))
    inputs.arguments["kv_indices"] = .tensor(Tensor(shared ?? (0..<Int32(entries)).map { $0 }, [entries]))
    return WorkCost(definition, axes: axes, inputs: inputs)
  }

  @Test func `attention counts what each query sees`() throws {
    // Three queries at the end of 6 positions see 4 + 5 + 6; one of one position sees 1; a request without queries none.
    let cost = try attention(queries: [0, 3, 4, 4], pages: [0, 2, 3, 4], last: [2, 1, 4])
    let operations1 = 4 * 2 * 4 * 16
    #expect(Int(cost.operations) == operations1)
    // q and output 4 · 2 · 4 floats, lse 4 · 2, indices 4 + 4 + 4 + 3, 7 positions of 4 + 4 halves.
    let bytes6 = 4 * (32 + 32 + 8) + 4 * 15 + 7 * 16
    #expect(Int(cost.bytes) == bytes6)
  }

  @Test func `a window hides old positions, shared pages are read once`() throws {
    // Of 10 positions the last two queries see 3 each: positions 6 ... 9 are read.
    let window = try attention(queries: [0, 2], pages: [0, 3], last: [2], window: 3)
    let operations2 = 4 * 2 * 4 * 6
    #expect(Int(window.operations) == operations2)
    let bytes8 = 4 * (16 + 16 + 4) + 4 * (2 + 2 + 3 + 1) + 4 * 16
    #expect(Int(window.bytes) == bytes8)
    let shared = try attention(queries: [0, 1, 2], pages: [0, 1, 2], last: [4, 4], shared: [5, 5])
    let bytes9 = 4 * (16 + 16 + 4) + 4 * (3 + 3 + 2 + 2) + 4 * 16
    #expect(Int(shared.bytes) == bytes9)
  }

  @Test func `offsets that lie do not trap`() throws {
    let definition = PagedAttention.definition(
      queryHeads: 2, keyValueHeads: 1, headDimension: 4, pageSize: 4, cacheType: .float16)
    let axes: OrderedMap<Int> = ["total_q": 2, "num_pages": 2, "len_indptr": 3, "batch_size": 2, "num_kv_indices": 2]
    var inputs = try WorkloadInputs(definition, Workload(uuid: "w", axes: axes), seed: 1)
    for values in [[Int32.min, .max, 0], [.max, .min, .max], [0, .max, .max], [-5, 7, 3]] {
      for name in ["qo_indptr", "kv_indptr"] { inputs.arguments[name] = .tensor(Tensor(values, [3])) }
      let cost = WorkCost(definition, axes: axes, inputs: inputs)
      #expect(cost.bytes >= 0 && cost.bytes.isFinite && cost.operations.isFinite)
    }
  }

  @Test func `tags come before formulas, tensor sizes after`() throws {
    let tagged = try Definition(
      name: "d", opType: "gemm", axes: ["M": .var, "N": .const(2), "K": .const(2)],
      inputs: ["A": .tensor("M", "K", dtype: .float32), "B": .tensor("N", "K", dtype: .float32)],
      outputs: ["C": .tensor("M", "N", dtype: .float32)], reference: "def run(A, B):\n  pass\n",
      tags: ["cost:bytes=M * 100", "cost:flops=M ** 2 + K"])
    #expect(WorkCost(tagged, axes: ["M": 5], inputs: nil) == WorkCost(bytes: 500, operations: 27))
    let unknown = try Definition(
      name: "d", opType: "other", axes: ["n": .var, "pool": .var],
      inputs: [
        "x": .tensor("n", dtype: .float16), "at": .tensor("n", dtype: .int32), "t": .tensor("pool", dtype: .float32),
      ],
      outputs: ["y": .tensor("n", dtype: .float32)], reference: "def run(x, at, t):\n  pass\n")
    // The pool is reached by indices: nobody knows how much of it.
    let bytes10 = 20 + 40 + 40
    #expect(Int(WorkCost(unknown, axes: ["n": 10, "pool": 1000], inputs: nil).bytes) == bytes10)
  }

  @Test func `every known definition has a finite cost, with inputs and without`() throws {
    for definition in KnownDefinitions.all {
      for (workload, _) in FuzzWorkloads.workloads(for: definition, seed: 1, count: 3, byteLimit: 1 << 18) {
        let axes = workload.axes, inputs = try WorkloadInputs(definition, workload, seed: 1)
        let exact = WorkCost(definition, axes: axes, inputs: inputs),
          least = WorkCost(definition, axes: axes, inputs: nil)
        #expect(exact.bytes.isFinite && exact.operations.isFinite && exact.bytes >= 0)
        #expect(least.bytes <= exact.bytes && least.operations <= exact.operations, "\(definition.name) \(axes)")
      }
    }
  }

  @Test func `the roofline is the larger bound, the floor far below it`() {
    // 1 MB at 10 GB/s: 100 µs. 8 million operations at 400 Gop/s: 20 µs.
    let memoryBound = WorkCost(bytes: 1e6, operations: 8e6), arithmetic = WorkCost(bytes: 1e3, operations: 8e8)
    #expect(abs(memoryBound.rooflineSeconds(Self.ceilings) - 1e-4) < 1e-12)
    #expect(abs(arithmetic.rooflineSeconds(Self.ceilings) - 2e-3) < 1e-12)
    // Small enough for a cache: 4 · 64 bytes a cycle, 100 GFLOP/s being 1.5625 · 10⁹ cycles of 64: 400 GB/s.
    #expect(abs(memoryBound.floorSeconds(Self.ceilings) - 1e-5) < 1e-12)
    #expect(abs(arithmetic.floorSeconds(Self.ceilings) - 1e-3) < 1e-12)
    // Larger than what the bandwidth was measured with, by far: twice that bandwidth.
    let large = WorkCost(bytes: 1e8, operations: 0)
    #expect(abs(large.floorSeconds(Self.ceilings) - 5e-3) < 1e-12)
    let none = MachineCeilings(
      threads: 1, instructionSet: .baseline, floatGigaflops: 0, integerGigaops: 0, readGigabytes: 0, readSetBytes: 0)
    #expect(large.floorSeconds(none) == 0 && large.rooflineSeconds(none) == 0)
  }
}
