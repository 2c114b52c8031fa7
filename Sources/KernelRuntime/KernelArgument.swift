import Tensors

/// One argument of a kernel, in the order of its definition's inputs, then outputs.
public enum KernelArgument: Sendable {
  case tensor(Tensor)
  /// A host scalar (`shape: null` in the definition).
  case scalar(Double)

  @inlinable public var tensor: Tensor {
    guard case .tensor(let tensor) = self else { preconditionFailure("the signature was checked: a tensor") }
    return tensor
  }
  @inlinable public var scalar: Double {
    guard case .scalar(let value) = self else { preconditionFailure("the signature was checked: a scalar") }
    return value
  }
}
