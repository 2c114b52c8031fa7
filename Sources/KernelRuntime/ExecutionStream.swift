import Tensors

/// Where kernels run, in order. A stream belongs to one thread.
public protocol ExecutionStream: AnyObject {
  var device: Device { get }
  /// Waits until everything put on the stream is done.
  func synchronize() throws
}
