import Glibc
import KernelRuntime
import Kernels
import Models
import Tensors

/// Times attention of requests that decode behind a common prefix: the library's kernel on common pages, the same kernel
/// without looking for common pages, and the library's kernel where each request has pages of its own, as in a cache
/// that shares nothing. Calls go through as many layers' keys and values as the model has, so that caches of the
/// processor behave as in the model.
struct SharedAttentionBenchmark {
  private let configuration: DecoderConfiguration
  private let kvType: DType, layout: KVLayout, pageSize: Int
  private let shared: PagedAttention, unshared: PagedAttention
  private let stream: CPUStream

  /// Best seconds of a call.
  struct Figures {
    var shared: Double, unshared: Double
    /// Nil when there is no memory for it.
    var separate: Double?
    /// Whether the kernels gave the same bits.
    var agree: Bool
  }

  /// - Throws: `KernelError` when the library has no kernel for the model's attention.
  init(
    _ configuration: DecoderConfiguration, _ library: KernelLibrary, kvType: DType, layout: KVLayout, pageSize: Int,
    threads: Int
  ) throws(KernelError) {
    func bind(_ library: KernelLibrary) throws(KernelError) -> PagedAttention {
      try PagedAttention(
        library, queryHeads: configuration.queryHeadCount, keyValueHeads: configuration.keyValueHeadCount,
        headDimension: configuration.headDimension, pageSize: pageSize, cacheType: kvType,
        window: configuration.slidingWindow)
    }
    (self.configuration, self.kvType, self.layout, self.pageSize) = (configuration, kvType, layout, pageSize)
    shared = try bind(library)
    var named = library
    named.policy = KernelPolicy(preferred: [.swiftFastUnshared])
    unshared = try bind(named)
    stream = CPUStream(threads: threads)
  }

  /// - memory: bytes that may be taken.
  /// - seconds: for how long each kind of call is repeated, at least.
  /// - Returns: nil when not even common pages fit.
  func run(requests: Int, prefix: Int, suffix: Int, memory: Int, seconds: Double) throws(KernelError) -> Figures? {
    guard let common = Batch(self, requests: requests, prefix: prefix, suffix: suffix, sharing: true, memory: memory)
    else { return nil }
    let both = try best(common, [shared, unshared], seconds)
    var figures = Figures(shared: both.times[0], unshared: both.times[1], separate: nil, agree: both.agree)
    if let own = Batch(self, requests: requests, prefix: prefix, suffix: suffix, sharing: false, memory: memory) {
      figures.separate = try best(own, [shared], seconds).times[0]
    }
    return figures
  }

  /// Seconds of a call of each kernel: the best pass through all layers. Kernels take turns.
  private func best(
    _ batch: Batch, _ kernels: [PagedAttention], _ seconds: Double
  ) throws(KernelError) -> (times: [Double], agree: Bool) {
    var best = [Double](repeating: .infinity, count: kernels.count), outputs: [[UInt32]] = []
    let clock = ContinuousClock(), begin = clock.now
    repeat {
      for (i, kernel) in kernels.enumerated() {
        let start = clock.now
        for layer in batch.store.keys.indices { try batch.call(kernel, layer, stream) }
        best[i] = min(best[i], (clock.now - start) / .seconds(1) / Double(batch.store.keys.count))
        if outputs.count == i { outputs.append(batch.bits) }
      }
    } while (clock.now - begin) / .seconds(1) < seconds * Double(kernels.count)
    return (best, outputs.allSatisfy { $0 == outputs[0] })
  }

  /// Requests with one query each, and what they attend to.
  private struct Batch {
    let store: KVStore
    private let query: Tensor, output: Tensor, lse: Tensor
    private let qoIndptr: Tensor, kvIndptr: Tensor, kvIndices: Tensor, kvLastPageLen: Tensor

    init?(
      _ benchmark: SharedAttentionBenchmark, requests: Int, prefix: Int, suffix: Int, sharing: Bool, memory: Int
    ) {
      let c = benchmark.configuration, size = benchmark.pageSize
      let commonPages = prefix / size, pages = (prefix + suffix + size - 1) / size
      let count = sharing ? commonPages + requests * (pages - commonPages) : requests * pages
      guard count * size <= memory / KVStore.bytesPerToken(c, dtype: benchmark.kvType) else { return nil }
      store = KVStore(c, pageCount: count, pageSize: size, dtype: benchmark.kvType, layout: benchmark.layout)
      Self.fill(store)
      var tables: [Int32] = [], next = Int32(0)
      for request in 0..<requests {
        for page in 0..<pages {
          if sharing && request > 0 && page < commonPages {
            tables.append(Int32(page))
          } else {
            tables.append(next)
            next += 1
          }
        }
      }
      let shape: Shape = [requests, c.queryHeadCount, c.headDimension]
      (query, output, lse) = (
        Tensor(.float32, shape), Tensor(.float32, shape), Tensor(.float32, [requests, c.queryHeadCount])
      )
      var random = SystemRandomNumberGenerator()
      for i in 0..<query.count { query.elements(as: Float.self)[i] = .random(in: -2...2, using: &random) }
      qoIndptr = Tensor((0...requests).map { Int32($0) }, [requests + 1])
      kvIndptr = Tensor((0...requests).map { Int32($0 * pages) }, [requests + 1])
      kvIndices = Tensor(tables, [tables.count])
      kvLastPageLen = Tensor(
        [Int32](repeating: Int32(prefix + suffix - (pages - 1) * size), count: requests), [requests])
    }

    func call(_ attention: PagedAttention, _ layer: Int, _ stream: CPUStream) throws(KernelError) {
      try attention(
        query: query, keyCache: store.keys[layer], valueCache: store.values[layer],
        keyScales: store.keyScales?[layer], valueScales: store.valueScales?[layer], qoIndptr: qoIndptr,
        kvIndptr: kvIndptr, kvIndices: kvIndices, kvLastPageLen: kvLastPageLen, output: output, lse: lse, on: stream)
    }

    /// Of the last call's output.
    var bits: [UInt32] { (0..<output.count).map { output.elements(as: UInt32.self)[$0] } }

    /// Numbers between -1 and 1, from one page of them, begun elsewhere in each page.
    private static func fill(_ store: KVStore) {
      guard let first = store.keys.first else { return }
      let elements = first.shape[1] * first.shape[2] * first.shape[3]
      let pattern = Tensor(store.dtype, [2 * elements])
      var random = SystemRandomNumberGenerator()
      for i in 0..<pattern.count {
        let value = Float.random(in: -1...1, using: &random)
        switch store.dtype {
        case .float16: pattern.elements(as: Float16.self)[i] = Float16(value)
        case .bfloat16: pattern.elements(as: UInt16.self)[i] = UInt16(value.bitPattern >> 16)
        case .int8: pattern.elements(as: Int8.self)[i] = Int8(value * 127)
        default: pattern.elements(as: Float.self)[i] = value
        }
      }
      let bytes = store.dtype.byteCount(of: elements), size = store.dtype.byteCount(of: 1)
      for (number, tensor) in (store.keys + store.values).enumerated() {
        let stride = store.dtype.byteCount(of: tensor.strides[0])
        for page in 0..<store.pageCount {
          memcpy(tensor.pointer + page * stride, pattern.pointer + (page * 31 + number * 7) % elements * size, bytes)
        }
      }
      for tensor in (store.keyScales ?? []) + (store.valueScales ?? []) {
        for page in 0..<store.pageCount {
          let scales = tensor.elements(as: Float.self) + page * tensor.strides[0]
          for i in 0..<tensor.shape[1] * tensor.shape[2] { scales[i] = 1 / 127 }
        }
      }
    }
  }
}
