import Benchmarking
import Tensors
import TestSupport
import Testing
import Traces

@Suite("Filters choose calls by counting")
struct FilterTests {
  /// The index arrays that were kept, in the order of the calls.
  private func kept(_ filter: RecordingPolicy.Filter, _ calls: [[Int32]]) throws -> [[UInt8]] {
    var policy = RecordingPolicy()
    policy.general.filter = filter
    let session = try Session(policy)
    for indices in calls { session.gather(indices) }
    let set = try session.recorded()
    return try (set.workloads["gather"] ?? []).map {
      try #require(try BlobTensor.all(of: $0.workload, in: set)["indices"]).bytes
    }
  }

  private func expected(_ calls: [[Int32]]) -> [[UInt8]] { calls.map { BlobTensor($0).bytes } }

  /// Two sets of axes: one index, and two.
  private static let calls: [[Int32]] = [[0], [1], [0, 1], [2], [1, 0], [3], [2, 3]]

  @Test("keep_all keeps every call")
  func all() throws {
    #expect(try kept(.keepAll, Self.calls) == expected(Self.calls))
  }

  @Test("keep_none keeps none")
  func none() throws {
    #expect(try kept(.keepNone, Self.calls) == [])
  }

  @Test("keep_first_k keeps the first calls of a definition", arguments: 0...3)
  func first(_ k: Int) throws {
    #expect(try kept(.keepFirst(k), Self.calls) == expected(Array(Self.calls.prefix(k))))
  }

  @Test("keep_first_k_by_axes keeps the first calls with each set of axes")
  func byAxes() throws {
    #expect(try kept(.keepFirstByAxes(1), Self.calls) == expected([[0], [0, 1]]))
    #expect(try kept(.keepFirstByAxes(2), Self.calls) == expected([[0], [1], [0, 1], [1, 0]]))
    #expect(RecordingPolicy().general.filter == .keepFirstByAxes(1))
  }

  @Test("Every third call is kept, beginning with the first")
  func sampled() throws {
    #expect(try kept(.every(3), Self.calls) == expected([[0], [2], [2, 3]]))
    #expect(try kept(.every(0), Self.calls) == [])
  }

  @Test("Counts go on over a flush")
  func flushed() throws {
    var policy = RecordingPolicy()
    policy.general.filter = .keepFirst(2)
    let session = try Session(policy)
    for index in 0..<4 as Range<Int32> {
      session.gather([index])
      session.recorder.flush()
    }
    #expect(try session.recorded().workloads["gather"]?.count == 2)
  }

  private static let paged = ["total_q", "num_pages", "len_indptr", "batch_size", "num_kv_indices"]

  @Test(
    "Attention goes by average lengths, rounded to even",
    arguments: [
      // total_q, num_pages, len_indptr, batch_size, num_kv_indices → batch_size, average keys, average queries
      ([8, 100, 5, 4, 40], [4, 10, 2]), ([8, 999, 5, 4, 41], [4, 10, 2]), ([10, 100, 5, 4, 42], [4, 10, 2]),
      ([14, 100, 5, 4, 46], [4, 12, 4]), ([3, 100, 3, 2, 5], [2, 2, 2]), ([5, 100, 3, 2, 7], [2, 4, 2]),
      ([5, 100, 1, 0, 7], [0, 0, 0]), ([5, 100, 0, 0, 7], [0, 0, 0]),
    ])
  func buckets(_ sizes: [Int], _ key: [Int]) {
    #expect(AttentionBucket.key(Self.paged, sizes) == key)
  }

  @Test("Decoding, which has no total_q, counts as one query; ragged keys count like paged ones")
  func bucketsOfOthers() {
    #expect(AttentionBucket.key(["num_pages", "len_indptr", "num_kv_indices"], [64, 9, 100]) == [12, 1])
    #expect(AttentionBucket.key(["len_indptr", "total_q", "total_kv"], [3, 7, 9]) == [4, 4])
    #expect(AttentionBucket.key(["total_q", "num_pages", "num_kv_indices"], [1, 2, 3]) == nil)
    #expect(AttentionBucket.key(["len_indptr", "total_q"], [1, 2]) == nil)
  }

  @Test("Attention keeps k calls of each bucket, and a definition without its axes goes by axes")
  func attention() throws {
    var policy = RecordingPolicy()
    policy.general.filter = .attention(1)
    let session = try Session(policy)
    let names = ["len_indptr", "num_kv_indices"]
    let definition = try Definition(
      name: "decode", opType: "gqa_paged", axes: OrderedMap(names.map { ($0, .var) }),
      inputs: [
        "kv_indptr": .tensor("len_indptr", dtype: .int32), "kv_indices": .tensor("num_kv_indices", dtype: .int32),
      ], outputs: [:], reference: "def run(kv_indptr, kv_indices):\n    pass")
    for (length, keys) in [(3, 20), (3, 21), (5, 40), (3, 24), (9, 96)] {
      session.call(
        definition, [.tensor(Tensor(.int32, [length])), .tensor(Tensor(.int32, [keys]))], axes: [length, keys])
    }
    for indices in Self.calls { session.gather(indices) }
    let set = try session.recorded()
    #expect(set.workloads["decode"]?.map { $0.workload.axes.values } == [[3, 20], [3, 24]])
    #expect(set.workloads["gather"]?.count == 2)
    let counts = try #require(try RecordedFrequencies.load(root: session.root, definition: definition))
    #expect(counts.total == 5 && counts.calls.count == 5)
  }
}
