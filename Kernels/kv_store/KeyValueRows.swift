import CPUIntrinsics
import KernelRuntime
import Tensors
import Traces

/// The keys or the values of one call, with every slot checked: what is stored, and where.
///
/// Pages of the cache and of its scales may lie apart: an outermost stride beyond page size · kv heads · head dim.
struct KeyValueRows {
  /// [tokens, heads, dimension] float32, and [pages, page size, heads, dimension].
  let sourceTensor: Tensor, cacheTensor: Tensor
  /// [pages, page size, heads] float32, of an int8 cache.
  let scalesTensor: Tensor?
  let slots: UnsafePointer<Int32>  // [tokens]

  var source: UnsafePointer<Float> { UnsafePointer(sourceTensor.elements(as: Float.self)) }
  var cache: UnsafeMutableRawPointer { cacheTensor.pointer }
  var scales: UnsafeMutablePointer<Float>? { scalesTensor?.elements(as: Float.self) }
  var tokens: Int { sourceTensor.shape[0] }
  var heads: Int { sourceTensor.shape[1] }
  var dimension: Int { sourceTensor.shape[2] }
  var pageSize: Int { cacheTensor.shape[1] }
  /// Bytes from page to page, and scales from page to page.
  var pageBytes: Int { cacheTensor.dtype.byteCount(of: cacheTensor.strides[0]) }
  var pageScales: Int { scalesTensor?.strides[0] ?? 0 }
  /// Raw value of the leaf modules' `CacheKind`.
  var kind: Int { PagedCache.kindCode(cacheTensor.dtype) }

  /// Wraps a scatter of keys or of values: slots are checked, and caches copied first when the outputs are not the inputs.
  static func storing(
    _ definition: Definition, _ body: @escaping @Sendable (KeyValueRows, WorkerPool) -> Void
  ) -> SwiftKernel {
    // Inputs k, v, slots, then the caches, with scales or not; outputs in the caches' order.
    let cacheCount = definition.outputs.count, isScaled = cacheCount == 4
    return SwiftKernel { arguments, stream throws(KernelError) in
      let slots = UnsafePointer(arguments[2].tensor.elements(as: Int32.self))
      let cache = arguments[3].tensor, count = cache.shape[0] * cache.shape[1]
      for i in 0..<arguments[2].tensor.shape[0] where slots[i] < 0 || Int(slots[i]) >= count {
        throw KernelError(
          .runFailed, definition: definition.name, "slots[\(i)] is \(slots[i]), the cache has \(count) slots")
      }
      for i in 3..<3 + cacheCount where arguments[i].tensor.pointer != arguments[i + cacheCount].tensor.pointer {
        copyPages(arguments[i].tensor, to: arguments[i + cacheCount].tensor)
      }
      for i in 0..<2 {
        let output = 3 + cacheCount + i
        body(
          KeyValueRows(
            sourceTensor: arguments[i].tensor, cacheTensor: arguments[output].tensor,
            scalesTensor: isScaled ? arguments[output + 2].tensor : nil, slots: slots), stream.pool)
      }
    }
  }

  /// - Precondition: of one type and shape.
  private static func copyPages(_ source: Tensor, to target: Tensor) {
    guard source.shape[0] > 0 else { return }
    let bytes = source.byteCount / source.shape[0]
    for page in 0..<source.shape[0] {
      (target.pointer + source.dtype.byteCount(of: page * target.strides[0])).copyMemory(
        from: source.pointer + source.dtype.byteCount(of: page * source.strides[0]), byteCount: bytes)
    }
  }
}
