import Tensors

/// The paged keys and values of all layers, layer first.
///
/// Pages that were never written take no memory.
public struct KVStore: Sendable {
  public let keys: [Tensor]  // layers × [pages, page size, kv heads, head dim]
  public let values: [Tensor]
  public let pageCount: Int, pageSize: Int
  public let dtype: DType

  public init(_ configuration: DecoderConfiguration, pageCount: Int, pageSize: Int, dtype: DType) {
    let shape: Shape = [pageCount, pageSize, configuration.keyValueHeadCount, configuration.headDimension]
    keys = (0..<configuration.layerCount).map { _ in Tensor(dtype, shape) }
    values = (0..<configuration.layerCount).map { _ in Tensor(dtype, shape) }
    (self.pageCount, self.pageSize, self.dtype) = (pageCount, pageSize, dtype)
  }

  /// Bytes that one token takes in all layers.
  public static func bytesPerToken(_ configuration: DecoderConfiguration, dtype: DType) -> Int {
    2 * configuration.layerCount
      * dtype.byteCount(of: configuration.keyValueHeadCount * configuration.headDimension)
  }
}
