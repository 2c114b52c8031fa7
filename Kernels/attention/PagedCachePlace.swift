import CPUIntrinsics
import Tensors

extension PagedCache {
  /// Where a cache and its scales lie. Pages may lie apart.
  /// - cache: [pages, page size, kv heads, head dim]; scales: [pages, page size, kv heads], with an int8 cache only.
  init(_ cache: Tensor, _ scales: Tensor?) {
    self.init(
      kindCode: Self.kindCode(cache.dtype), elements: UnsafeRawPointer(cache.pointer),
      pageBytes: cache.dtype.byteCount(of: cache.strides[0]),
      scales: scales.map { UnsafePointer($0.elements(as: Float.self)) }, pageScales: scales?.strides[0] ?? 0)
  }

  /// Raw value of the leaf modules' `CacheKind`.
  static func kindCode(_ dtype: DType) -> Int {
    switch dtype {
    case .float16: 1
    case .bfloat16: 2
    case .int8: 3
    default: 0
    }
  }
}
