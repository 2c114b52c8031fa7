import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors

/// Where a cache and its scales lie, for the kernels of each instruction set. Pages may lie apart.
struct CachePlace {
  /// Raw value of the leaf modules' `CacheKind`.
  private let kind: Int
  private let elements: UnsafeRawPointer, scales: UnsafePointer<Float>?
  /// Bytes from page to page, and scales from page to page.
  private let pageBytes: Int, pageScales: Int

  /// - cache: [pages, page size, kv heads, head dim]; scales: [pages, page size, kv heads], with an int8 cache only.
  init(_ cache: Tensor, _ scales: Tensor?) {
    kind = Self.kind(cache.dtype)
    elements = UnsafeRawPointer(cache.pointer)
    pageBytes = cache.dtype.byteCount(of: cache.strides[0])
    self.scales = scales.map { UnsafePointer($0.elements(as: Float.self)) }
    pageScales = scales?.strides[0] ?? 0
  }

  /// Raw value of the leaf modules' `CacheKind`.
  static func kind(_ dtype: DType) -> Int {
    switch dtype {
    case .float16: 1
    case .bfloat16: 2
    case .int8: 3
    default: 0
    }
  }

  var avx512: KernelsAVX512.PagedCache {
    .init(.init(rawValue: kind)!, elements, pageBytes: pageBytes, scales: scales, pageScales: pageScales)
  }
  var avx2: KernelsAVX2.PagedCache {
    .init(.init(rawValue: kind)!, elements, pageBytes: pageBytes, scales: scales, pageScales: pageScales)
  }
  var baseline: KernelsBaseline.PagedCache {
    .init(.init(rawValue: kind)!, elements, pageBytes: pageBytes, scales: scales, pageScales: pageScales)
  }
}
