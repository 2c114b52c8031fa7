import Tensors

/// The paged keys and values of all layers.
///
/// A page's bytes in their fixed order, for an int8 store with the scales first:
///
///     scales  layers × (k, v) × [page size, kv heads] float32
///     data    layers × (k, v) × [page size, kv heads, head dim]
///
/// Page first, that is how they lie in memory; layer first, each of these parts is a run of all pages of its own. What was
/// never written takes no memory, where 2 MiB of a run lie together.
public struct KVStore: Sendable {
  /// Layers × [pages, page size, kv heads, head dim]. Page first they are views whose pages lie apart.
  public let keys: [Tensor], values: [Tensor]
  /// Layers × [pages, page size, kv heads] float32: what an int8 element is multiplied with. Nil for other types.
  public let keyScales: [Tensor]?, valueScales: [Tensor]?
  public let pageCount: Int, pageSize: Int
  public let dtype: DType
  public let layout: KVLayout
  /// Bytes of one page: all layers, keys and values, scales included.
  public let bytesPerPage: Int
  /// The one run of memory of a page-first store, and the bytes from one page to the next.
  private let pages: (storage: Storage, stride: Int)?

  /// - dtype: float32, float16, bfloat16 or int8.
  public init(
    _ configuration: DecoderConfiguration, pageCount: Int, pageSize: Int, dtype: DType, layout: KVLayout = .layerFirst
  ) {
    let heads = configuration.keyValueHeadCount, layers = configuration.layerCount, isScaled = dtype == .int8
    let shape: Shape = [pageCount, pageSize, heads, configuration.headDimension]
    let scaleShape: Shape = [pageCount, pageSize, heads]
    bytesPerPage = pageSize * Self.bytesPerToken(configuration, dtype: dtype)
    (self.pageCount, self.pageSize, self.dtype, self.layout) = (pageCount, pageSize, dtype, layout)
    switch layout {
    case .layerFirst:
      func runs(_ dtype: DType, _ shape: Shape) -> [Tensor] {
        (0..<layers).map { _ in
          let run = Tensor(dtype, shape)
          run.storage.adviseHugePages()
          return run
        }
      }
      (keys, values) = (runs(dtype, shape), runs(dtype, shape))
      (keyScales, valueScales) = isScaled ? (runs(.float32, scaleShape), runs(.float32, scaleShape)) : (nil, nil)
      pages = nil
    case .pageFirst:
      // Scales begin at whole words in every page.
      let stride = isScaled ? (bytesPerPage + 3) & ~3 : bytesPerPage
      let storage = Storage(byteCount: pageCount * stride)
      storage.adviseHugePages()
      let scaleBytes = isScaled ? pageSize * heads * 4 : 0
      let dataBytes = dtype.byteCount(of: pageSize * heads * configuration.headDimension)
      // Part 2 · layer of a kind is its keys', the next one its values'.
      func views(_ dtype: DType, _ shape: Shape, from start: Int, partBytes: Int, side: Int) -> [Tensor] {
        (0..<layers).map { layer in
          Tensor(
            viewing: storage, dtype, shape, byteOffset: start + (2 * layer + side) * partBytes,
            outerStride: stride * 8 / dtype.bitWidth)
        }
      }
      let start = 2 * layers * scaleBytes
      keys = views(dtype, shape, from: start, partBytes: dataBytes, side: 0)
      values = views(dtype, shape, from: start, partBytes: dataBytes, side: 1)
      keyScales = isScaled ? views(.float32, scaleShape, from: 0, partBytes: scaleBytes, side: 0) : nil
      valueScales = isScaled ? views(.float32, scaleShape, from: 0, partBytes: scaleBytes, side: 1) : nil
      pages = (storage, stride)
    }
  }

  /// Where a page's bytes are, in their fixed order: one region page first; layer first one for each layer's keys and one
  /// for its values, after as many for scales. Read one after the other they are the same bytes in both layouts,
  /// `bytesPerPage` in all. They live as long as this store.
  /// - Precondition: the page exists.
  public func regions(ofPage page: Int) -> [UnsafeMutableRawBufferPointer] {
    precondition(0..<pageCount ~= page, "page \(page) of \(pageCount)")
    if let pages {
      return [UnsafeMutableRawBufferPointer(start: pages.storage.pointer + page * pages.stride, count: bytesPerPage)]
    }
    func parts(_ keys: [Tensor], _ values: [Tensor]) -> [UnsafeMutableRawBufferPointer] {
      zip(keys, values).flatMap { [$0, $1] }.map { tensor in
        let bytes = tensor.byteCount / pageCount
        return UnsafeMutableRawBufferPointer(start: tensor.pointer + page * bytes, count: bytes)
      }
    }
    return parts(keyScales ?? [], valueScales ?? []) + parts(keys, values)
  }

  /// Bytes that one token takes in all layers, scales included.
  public static func bytesPerToken(_ configuration: DecoderConfiguration, dtype: DType) -> Int {
    let heads = configuration.keyValueHeadCount, scaleBytes = dtype == .int8 ? 4 * heads : 0
    return 2 * configuration.layerCount * (dtype.byteCount(of: heads * configuration.headDimension) + scaleBytes)
  }
}
