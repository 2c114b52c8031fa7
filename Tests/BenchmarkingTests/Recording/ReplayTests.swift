import Benchmarking
import Checkpoints
import Kernels
import Tensors
import TestSupport
import Testing
import Traces

@testable import KernelRuntime

@Suite("What is recorded can be run again")
struct ReplayTests {
  @Test("Calls of a real kernel are read back by a strict load, index arrays and scalars unchanged")
  func attention() throws {
    let session = try Session(.standard)
    var library = KernelLibrary(solutions: KernelCatalog.solutions)
    library.observer = session.recorder
    let attention = try PagedAttention(
      library.inLayer(3), queryHeads: 2, keyValueHeads: 1, headDimension: 8, pageSize: 4, cacheType: .float32)
    let cache = Tensor(.float32, [6, 4, 1, 8])
    try attention(
      query: Tensor(.float32, [3, 2, 8]), keyCache: cache, valueCache: cache, qoIndptr: indexTensor([0, 1, 3]),
      kvIndptr: indexTensor([0, 2, 3]), kvIndices: indexTensor([5, 0, 3]), kvLastPageLen: indexTensor([1, 4]),
      output: Tensor(.float32, [3, 2, 8]), lse: Tensor(.float32, [3, 2]), on: CPUStream(threads: 1))

    let set = try session.recorded(), definition = attention.kernel.definition
    #expect(set.diagnostics.isEmpty && session.problems.all.isEmpty)
    #expect(set.definitions[definition.name]?.json == definition.json)
    let traces = try #require(set.workloads[definition.name])
    let workload = try #require(traces.first?.workload)
    #expect(traces.count == 1 && traces[0].isWorkload)
    #expect(
      workload.axes == ["total_q": 3, "num_pages": 6, "len_indptr": 3, "batch_size": 2, "num_kv_indices": 3])
    #expect(workload.inputs.names == definition.inputs.names)
    for name in ["q", "k_cache", "v_cache"] { #expect(workload.inputs[name] == .random) }
    #expect(workload.inputs["sm_scale"] == .scalar(.float(1 / 8.0.squareRoot())))
    let tensors = try BlobTensor.all(of: workload, in: set)
    #expect(
      tensors == [
        "qo_indptr": BlobTensor([0, 1, 3]), "kv_indptr": BlobTensor([0, 2, 3]), "kv_indices": BlobTensor([5, 0, 3]),
        "kv_last_page_len": BlobTensor([1, 4]),
      ])
    let counts = try #require(try RecordedFrequencies.load(root: session.root, definition: definition))
    #expect(counts.layers == [3: 1] && counts.weight(workload.axes) == 1)

    let again = try WorkloadInputs(definition, workload, seed: 1, root: session.root)
    #expect(again.arguments["kv_indices"]?.tensor.int32s == [5, 0, 3])
    #expect(again.arguments["kv_last_page_len"]?.tensor.int32s == [1, 4])
    let outputs = try again.outputTensors().values.map { KernelArgument.tensor($0) }
    try attention.kernel.apply(again.arguments.values + outputs, on: CPUStream(threads: 1))
  }

  @Test("Each workload's tensors lie where FlashInfer-Bench puts them")
  func layout() throws {
    let session = try Session()
    session.gather([3, 1])
    let set = try session.recorded()
    let workload = try #require(set.workloads["gather"]?.first?.workload)
    let path = try set.blobPath(definition: "gather", uuid: workload.uuid)
    #expect(workload.inputs["indices"] == .safetensors(path: path, tensorKey: "indices"))
    #expect(path == "blob/workloads/gather/gather/gather_\(workload.uuid).safetensors")
    #expect(workload.uuid.utf8.count == 36 && workload.uuid.dropFirst(14).first == "5")
  }

  @Test("The memory of a call may change once the call is over")
  func copies() throws {
    let session = try Session()
    let arguments = Gather.arguments([3, 1])
    session.call(Gather.definition, arguments, axes: [4, 2])
    arguments[1].tensor.setBits(99, at: 0)
    let set = try session.recorded()
    let workload = try #require(set.workloads["gather"]?.first?.workload)
    #expect(try BlobTensor.all(of: workload, in: set)["indices"] == BlobTensor([3, 1]))
  }

  @Test(
    "Scalars keep their values and their kinds",
    arguments: [
      (DType.float32, 0.1, ScalarValue.float(0.1)), (.float32, 2, .float(2)), (.float32, .infinity, .float(.infinity)),
      (.float32, .nan, .float(.nan)), (.int32, -7, .int(-7)), (.int64, 0x1p40, .int(1 << 40)), (.bool, 1, .bool(true)),
      (.bool, 0, .bool(false)),
    ])
  func scalars(_ dtype: DType, _ value: Double, _ expected: ScalarValue) throws {
    let session = try Session(), definition = Gather.definition(named: "gather", scalar: dtype)
    session.call(definition, Gather.arguments([3], scale: value), axes: [4, 1])
    #expect(try session.recorded().workloads["gather"]?.first?.workload.inputs["scale"] == .scalar(expected))
  }

  @Test("Floats are kept when the policy names them, by input, definition or operation")
  func namedInputs() throws {
    var policy = RecordingPolicy()
    policy.definitions["by_name"] = .init(inputs: ["table": .dump, "indices": .random])
    policy.operations["other"] = .init(integers: .random, floats: .dump)
    let session = try Session(policy)
    session.gather([1], "by_name")
    session.call(Gather.definition(named: "by_operation", opType: "other"), Gather.arguments([1]), axes: [4, 1])
    session.gather([1], "by_type")
    let set = try session.recorded()
    func kept(_ name: String) throws -> Set<String> {
      Set(try BlobTensor.all(of: try #require(set.workloads[name]?.first?.workload), in: set).keys)
    }
    #expect(try kept("by_name") == ["table"])
    #expect(try kept("by_operation") == ["table"])
    #expect(try kept("by_type") == ["indices"])
    #expect(session.problems.all.isEmpty)
  }

  @Test("Every type of whole bytes is kept bit for bit", arguments: DType.allCases)
  func types(_ dtype: DType) throws {
    var policy = RecordingPolicy()
    policy.general.floats = .dump
    let session = try Session(policy)
    let definition = try Definition(
      name: "each_type", opType: "test", axes: ["n": .var], inputs: ["x": .tensor("n", dtype: dtype)], outputs: [:],
      reference: "def run(x):\n    pass")
    let tensor = Tensor(dtype, [4])
    for i in 0..<4 { tensor.setBits(dtype == .bool ? UInt64(i & 1) : UInt64(i * 0x31), at: i) }
    session.call(definition, [.tensor(tensor)], axes: [4])
    if dtype == .float4_e2m1 {
      session.recorder.flush()
      #expect(session.recorder.statistics.unusable == 1)
    } else {
      let set = try session.recorded()
      let blob = try BlobTensor.all(of: try #require(set.workloads["each_type"]?.first?.workload), in: set)["x"]
      #expect(blob?.bytes == Array(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount)))
      #expect(blob?.shape == [4])
    }
  }

  @Test("Constant inputs are random, and an axis that only they have gets its size from them")
  func constants() throws {
    let session = try Session()
    session.call(
      Gather.definition, Array(Gather.arguments([2, 0]).dropFirst()), axes: [-1, 2],
      constants: ["table": Tensor(.float32, [9, 2])])
    let set = try session.recorded(), workload = try #require(set.workloads["gather"]?.first?.workload)
    #expect(workload.axes == ["rows": 9, "count": 2])
    #expect(workload.inputs["table"] == .random)
    #expect(try BlobTensor.all(of: workload, in: set) == ["indices": BlobTensor([2, 0])])
  }

  @Test("Rows that lie apart are kept one after the other")
  func strided() throws {
    let session = try Session()
    let definition = try Definition(
      name: "rows", opType: "test", axes: ["n": .var, "m": .var], inputs: ["x": .tensor("n", "m", dtype: .int32)],
      outputs: [:], reference: "def run(x):\n    pass", tags: ["strided:x"])
    let whole = indexTensor(Array(0..<12)).reshaped([3, 4])
    session.call(definition, [.tensor(whole.narrow(1, from: 1, count: 2))], axes: [3, 2])
    let set = try session.recorded(), workload = try #require(set.workloads["rows"]?.first?.workload)
    let expected = BlobTensor([1, 2, 5, 6, 9, 10])
    #expect(
      try BlobTensor.all(of: workload, in: set)["x"]
        == BlobTensor(dtype: "I32", shape: [3, 2], bytes: expected.bytes))
  }

  @Test("A server's policy does not keep what users wrote")
  func tokens() throws {
    let session = try Session(.standard)
    let definition = Embedding.definition(format: .f32, vocabularySize: 16, hiddenSize: 8)
    session.call(
      definition, [.tensor(indexTensor([11, 12])), .tensor(Tensor(.float32, [2, 8]))], axes: [2],
      constants: ["weight": Tensor(.float32, [16, 8])])
    let workload = try #require(try session.recorded().workloads[definition.name]?.first?.workload)
    #expect(workload.inputs == ["tokens": .random, "weight": .random])
  }

  @Test("A call that does not fit its definition is counted, not recorded")
  func unusable() throws {
    let session = try Session()
    session.call(Gather.definition, [], axes: [4, 1])
    session.call(Gather.definition, Gather.arguments([1]), axes: [4, 1, 1])
    session.call(Gather.definition, Gather.arguments([1]), axes: [-1, 1])
    #expect(try session.recorded().workloads.isEmpty)
    #expect(session.recorder.statistics.unusable == 3 && session.recorder.statistics.calls == 3)
  }
}
