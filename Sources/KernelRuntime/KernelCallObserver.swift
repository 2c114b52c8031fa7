import Tensors
import Traces

/// Sees every call of the bound kernels it is given to: how workloads are recorded.
public protocol KernelCallObserver: Sendable {
  /// Called on the calling thread, before the kernel runs and after the signature was checked; the arguments' memory is
  /// valid during this call only, so copy what is to be kept, and be quick.
  /// - arguments: the definition's inputs without those in `constants`, then its outputs.
  /// - axes: the sizes of the definition's variable axes, in `Definition.varAxes`' order.
  func willCall(_ call: KernelCall, arguments: [KernelArgument], axes: [Int])
}

/// What stays the same from call to call of one bound kernel.
public struct KernelCall: Sendable {
  public let definition: Definition
  /// Inputs held constant since bind: weights.
  public let constants: [String: Tensor]
  /// Where in the model it is: a layer's number, or nil.
  public let layer: Int?
}
