import CKernels
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors
import Traces

/// Writes new keys and values into the paged cache, one launch for both.
/// Definition `kv_store_kv<heads>_d<dim>_ps<page size>_<type>`; slot = page * page size + offset in the page.
public struct KeyValueStore: Sendable {
  public let kernel: BoundKernel

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

  /// - key, value: [tokens, heads, dim] float32; caches: [pages, page size, heads, dim]; slots: [tokens] int32, each once.
  /// - Throws: `runFailed` when a slot is outside of the cache.
  public func callAsFunction(
    key: Tensor, value: Tensor, keyCache: Tensor, valueCache: Tensor, slots: Tensor, on stream: any ExecutionStream
  ) throws(KernelError) {
    try kernel.apply(
      [
        .tensor(key), .tensor(value), .tensor(slots), .tensor(keyCache), .tensor(valueCache), .tensor(keyCache),
        .tensor(valueCache),
      ], on: stream)
  }

  public static func definition(
    keyValueHeads: Int, headDimension: Int, pageSize: Int, cacheType: DType
  ) -> Definition {
    .literal { () throws(SchemaError) in
      func cache() -> TensorSpec { .tensor("num_pages", "page_size", "num_kv_heads", "head_dim", dtype: cacheType) }
      return try Definition(
        name: "kv_store_kv\(keyValueHeads)_d\(headDimension)_ps\(pageSize)_\(cacheType.rawValue)", opType: "kv_store",
        axes: [
          "num_tokens": .var, "num_pages": .var, "page_size": .const(pageSize), "num_kv_heads": .const(keyValueHeads),
          "head_dim": .const(headDimension),
        ],
        inputs: [
          "k": .tensor("num_tokens", "num_kv_heads", "head_dim", dtype: .float32),
          "v": .tensor("num_tokens", "num_kv_heads", "head_dim", dtype: .float32),
          "slots": .tensor("num_tokens", dtype: .int32), "k_cache": cache(), "v_cache": cache(),
        ],
        outputs: ["k_cache_out": cache(), "v_cache_out": cache()],
        reference: """
          import torch

          @torch.no_grad()
          def run(k, v, slots, k_cache, v_cache):
              def scatter(cache, rows):
                  out = cache.clone()
                  out.view(-1, *cache.shape[2:])[slots.long()] = rows.to(cache.dtype)
                  return out

              return scatter(k_cache, k), scatter(v_cache, v)
          """,
        description: "Scatters keys and values of new tokens into their slots of the paged cache.",
        tags: ["in_place:k_cache_out=k_cache", "in_place:v_cache_out=v_cache"])
    }
  }

  private typealias Function =
    @Sendable (
      Int, UnsafePointer<Float>, UnsafeMutableRawPointer, UnsafePointer<Int32>, Range<Int>, Int
    ) -> Void

  private static func function(_ set: InstructionSet) -> Function {
    switch set {
    case .avx512: { KernelsAVX512.storeRows(.init(rawValue: $0)!, $1, $2, $3, tokens: $4, width: $5) }
    case .avx2: { KernelsAVX2.storeRows(.init(rawValue: $0)!, $1, $2, $3, tokens: $4, width: $5) }
    case .baseline: { KernelsBaseline.storeRows(.init(rawValue: $0)!, $1, $2, $3, tokens: $4, width: $5) }
    }
  }

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "kv_store", room: "kv_store", supports: supports) {
      set, definition, _ throws(KernelError) in
      let function = function(set), width = definition.constant("num_kv_heads") * definition.constant("head_dim")
      return storing(definition) { x, cache, slots, pool in
        let kind = KeyValueStore.kind(cache.dtype), source = x.elements(as: Float.self), target = cache.pointer
        let tokens = x.shape[0], (chunks, size) = rowChunks(tokens, minimum: 32, threads: pool.threadCount)
        pool.parallel(chunks) { chunk in
          function(kind, source, target, slots, chunk * size..<min(tokens, (chunk + 1) * size), width)
        }
      }
    } + [
      .cpu(operation: "kv_store", flavor: .cpp, source: "Kernels/kv_store/cpp", supports: supports) {
        definition, _ throws(KernelError) in
        let width = definition.constant("num_kv_heads") * definition.constant("head_dim")
        return storing(definition) { x, cache, slots, pool in
          let element = element(cache.dtype), source = x.elements(as: Float.self), target = cache.pointer
          let tokens = x.shape[0], (chunks, size) = rowChunks(tokens, minimum: 32, threads: pool.threadCount)
          pool.parallel(chunks) { chunk in
            let start = chunk * size
            swiftlet_kv_store(
              element, source + start * width, target, slots + start, min(size, tokens - start), width)
          }
        }
      },
      .cpu(operation: "kv_store", flavor: .swift, source: "Kernels/kv_store/swift", supports: supports) {
        definition, _ throws(KernelError) in
        storing(definition) { x, cache, slots, _ in storeOracle(x, cache, slots) }
      },
    ]

  private static func element(_ dtype: DType) -> swiftlet_element {
    switch dtype {
    case .float16: swiftlet_float16
    case .bfloat16: swiftlet_bfloat16
    default: swiftlet_float32
    }
  }

  /// Raw value of the leaf modules' `CacheKind`.
  private static func kind(_ dtype: DType) -> Int {
    switch dtype {
    case .float16: 1
    case .bfloat16: 2
    default: 0
    }
  }

  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    DefinitionForm.refusal(of: definition, among: forms)
  }
  private static let forms = [DType.float32, .float16, .bfloat16].map {
    DefinitionForm(of: Self.definition(keyValueHeads: 1, headDimension: 1, pageSize: 1, cacheType: $0))
  }

  /// Wraps a scatter: slots are checked, and caches copied first when the outputs are not the inputs.
  private static func storing(
    _ definition: Definition,
    _ body: @escaping @Sendable (Tensor, Tensor, UnsafePointer<Int32>, WorkerPool) -> Void
  ) -> SwiftKernel {
    SwiftKernel { arguments, stream throws(KernelError) in
      let slots = UnsafePointer(arguments[2].tensor.elements(as: Int32.self))
      let cache = arguments[3].tensor, count = cache.shape[0] * cache.shape[1]
      for i in 0..<arguments[2].tensor.shape[0] where slots[i] < 0 || Int(slots[i]) >= count {
        throw KernelError(
          .runFailed, definition: definition.name, "slots[\(i)] is \(slots[i]), the cache has \(count) slots")
      }
      for i in [3, 4] where arguments[i].tensor.pointer != arguments[i + 2].tensor.pointer {
        arguments[i + 2].tensor.pointer.copyMemory(
          from: arguments[i].tensor.pointer, byteCount: arguments[i].tensor.byteCount)
      }
      body(arguments[0].tensor, arguments[5].tensor, slots, stream.pool)
      body(arguments[1].tensor, arguments[6].tensor, slots, stream.pool)
    }
  }
}
