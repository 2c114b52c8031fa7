import Tensors

/// Where kernels run, in order. A stream belongs to one thread.
public protocol ExecutionStream: AnyObject {
  var device: Device { get }
  /// The kind of step that the calls belong to, when the caller says so: policies may tell decode and prefill apart.
  var phase: KernelPhase? { get set }
  /// Waits until everything put on the stream is done.
  func synchronize() throws
  /// Runs kernels that have an input in common and do not change it, so that what one of them makes of it (quantised
  /// activations, say) can serve the next.
  func reading(_ tensor: Tensor, _ body: () throws(KernelError) -> Void) throws(KernelError)
}

extension ExecutionStream {
  public func reading(_ tensor: Tensor, _ body: () throws(KernelError) -> Void) throws(KernelError) { try body() }
}
