import Tensors

/// Where kernels run, in order. A stream belongs to one thread.
public protocol ExecutionStream: AnyObject {
  var device: Device { get }
  /// The kind of step that the calls belong to, when the caller says so: policies may tell decode and prefill apart.
  var phase: KernelPhase? { get set }
  /// Waits until everything put on the stream is done.
  func synchronize() throws
}
