import Tensors

/// An input or output of a definition: its shape as axis names, and its element type.
public struct TensorSpec: Sendable, Hashable {
  /// Axis names, outermost first. `nil` is a host scalar (an `Int`, `Double` or `Bool`), `[]` a tensor without dimensions.
  public let shape: [String]?
  public let dtype: DType
  public let description: String?
  /// For an output: the name of the input that it is written into, when it has no storage of its own.
  /// A field of FlashInfer's own dialect; FlashInfer-Bench ignores it.
  public let param: String?
  /// For an input: whether a call may leave it out. A field of FlashInfer's own dialect.
  public let isOptional: Bool

  public init(
    shape: [String]?, dtype: DType, description: String? = nil, param: String? = nil, isOptional: Bool = false
  ) {
    (self.shape, self.dtype, self.description) = (shape, dtype, description)
    (self.param, self.isOptional) = (param, isOptional)
  }

  /// A tensor: `.tensor("batch_size", "hidden_size", dtype: .bfloat16)`.
  public static func tensor(_ axes: String..., dtype: DType, description: String? = nil, param: String? = nil)
    -> TensorSpec
  {
    TensorSpec(shape: axes, dtype: dtype, description: description, param: param)
  }
  /// A host scalar.
  public static func scalar(_ dtype: DType, description: String? = nil) -> TensorSpec {
    TensorSpec(shape: nil, dtype: dtype, description: description)
  }

  public var isScalar: Bool { shape == nil }
}
