import CKernels
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors
import Traces

/// Writes new keys and values into the paged cache, one launch for both.
/// Definition `kv_store_kv<heads>_d<dim>_ps<page size>_<type>`; slot = page * page size + offset in the page. An int8
/// cache's definition ends in `_kvint8` and has scales for each slot and head (`KeyValueStore+Definition.swift`).
public struct KeyValueStore: Sendable {
  public let kernel: BoundKernel

  /// - cacheType: float32, float16, bfloat16 or int8.
  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(
    _ library: KernelLibrary, keyValueHeads: Int, headDimension: Int, pageSize: Int, cacheType: DType,
    device: Device = .cpu
  ) throws(KernelError) {
    kernel = try library.bind(
      Self.definition(
        keyValueHeads: keyValueHeads, headDimension: headDimension, pageSize: pageSize, cacheType: cacheType),
      on: device)
  }

  /// - key, value: [tokens, heads, dim] float32; slots: [tokens] int32, each once.
  /// - keyCache, valueCache: [pages, page size, heads, dim], pages apart or not.
  /// - keyScales, valueScales: [pages, page size, heads] float32 with an int8 cache, pages apart or not; else nil.
  /// - Throws: `runFailed` when a slot is outside of the cache.
  public func callAsFunction(
    key: Tensor, value: Tensor, keyCache: Tensor, valueCache: Tensor, keyScales: Tensor? = nil,
    valueScales: Tensor? = nil, slots: Tensor, on stream: any ExecutionStream
  ) throws(KernelError) {
    guard let keyScales, let valueScales else {
      return try kernel.apply(
        [
          .tensor(key), .tensor(value), .tensor(slots), .tensor(keyCache), .tensor(valueCache), .tensor(keyCache),
          .tensor(valueCache),
        ], on: stream)
    }
    try kernel.apply(
      [
        .tensor(key), .tensor(value), .tensor(slots), .tensor(keyCache), .tensor(valueCache), .tensor(keyScales),
        .tensor(valueScales), .tensor(keyCache), .tensor(valueCache), .tensor(keyScales), .tensor(valueScales),
      ], on: stream)
  }

  private typealias Function = @Sendable (KeyValueRows, Range<Int>) -> Void

  private static func function(_ set: InstructionSet) -> Function {
    switch set {
    case .avx512:
      { r, tokens in
        KernelsAVX512.storeRows(
          .init(rawValue: r.kind)!, r.source, r.cache, pageBytes: r.pageBytes, r.scales, pageScales: r.pageScales,
          r.slots, tokens: tokens, pageSize: r.pageSize, heads: r.heads, dimension: r.dimension)
      }
    case .avx2:
      { r, tokens in
        KernelsAVX2.storeRows(
          .init(rawValue: r.kind)!, r.source, r.cache, pageBytes: r.pageBytes, r.scales, pageScales: r.pageScales,
          r.slots, tokens: tokens, pageSize: r.pageSize, heads: r.heads, dimension: r.dimension)
      }
    case .baseline:
      { r, tokens in
        KernelsBaseline.storeRows(
          .init(rawValue: r.kind)!, r.source, r.cache, pageBytes: r.pageBytes, r.scales, pageScales: r.pageScales,
          r.slots, tokens: tokens, pageSize: r.pageSize, heads: r.heads, dimension: r.dimension)
      }
    }
  }

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "kv_store", room: "kv_store", supports: supports) {
      set, definition, _ throws(KernelError) in
      let function = function(set)
      return KeyValueRows.storing(definition) { rows, pool in
        let (chunks, size) = rowChunks(rows.tokens, minimum: 32, threads: pool.threadCount)
        pool.parallel(chunks) { chunk in
          function(rows, chunk * size..<min(rows.tokens, (chunk + 1) * size))
        }
      }
    } + [
      .cpu(operation: "kv_store", flavor: .cpp, source: "Kernels/kv_store/cpp", supports: supports) {
        definition, _ throws(KernelError) in
        KeyValueRows.storing(definition) { rows, pool in
          let element = element(rows.cacheTensor.dtype), width = rows.heads * rows.dimension
          let (chunks, size) = rowChunks(rows.tokens, minimum: 32, threads: pool.threadCount)
          pool.parallel(chunks) { chunk in
            let start = chunk * size
            swiftlet_kv_store(
              element, rows.source + start * width, rows.cache, rows.pageBytes, rows.scales, rows.pageScales,
              rows.slots + start, min(size, rows.tokens - start), rows.pageSize, rows.heads, rows.dimension)
          }
        }
      },
      .cpu(operation: "kv_store", flavor: .swift, source: "Kernels/kv_store/swift", supports: supports) {
        definition, _ throws(KernelError) in
        KeyValueRows.storing(definition) { rows, _ in
          storeOracle(rows.sourceTensor, rows.cacheTensor, rows.scalesTensor, rows.slots)
        }
      },
    ] + [double.solution]

  private static func element(_ dtype: DType) -> swiftlet_element {
    switch dtype {
    case .float16: swiftlet_float16
    case .bfloat16: swiftlet_bfloat16
    case .int8: swiftlet_int8
    default: swiftlet_float32
    }
  }

  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    DefinitionForm.refusal(of: definition, among: forms)
  }
  static let forms = [DType.float32, .float16, .bfloat16, .int8].map {
    DefinitionForm(of: Self.definition(keyValueHeads: 1, headDimension: 1, pageSize: 1, cacheType: $0))
  }
}
