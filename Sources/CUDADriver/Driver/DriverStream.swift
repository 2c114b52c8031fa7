import CCUDA

/// Work on a device that happens in order. Calls return when the work is queued.
public final class DriverStream: Sendable {
  public let context: CUDAContext
  public let handle: UInt

  fileprivate init(_ context: CUDAContext) throws(CUDAError) {
    var handle: cu_stream = 0
    try context.call(context.driver.functions.streamCreate) { $0(&handle, 1) }  // not ordered with stream 0
    (self.context, self.handle) = (context, handle)
  }

  deinit { context.callSilently(context.driver.functions.streamDestroy) { $0(handle) } }

  private var functions: DriverFunctions { context.driver.functions }

  /// Waits for all that was queued. Faults of kernels come to light here.
  public func synchronize() throws(CUDAError) {
    try context.call(functions.streamSynchronize) { $0(handle) }
  }

  /// What is queued from now on begins after the event.
  public func wait(for event: DriverEvent) throws(CUDAError) {
    try context.call(functions.streamWait) { $0(handle, event.handle, 0) }
  }

  // MARK: memory

  /// Host to device. Memory that is not pinned is read before this returns.
  public func copyIn(from source: UnsafeRawPointer, to address: UInt64, byteCount: Int) throws(CUDAError) {
    if byteCount > 0 { try context.call(functions.copyInAsync) { $0(address, source, byteCount, handle) } }
  }

  /// Device to host; there once the stream is synchronised.
  public func copyOut(from address: UInt64, to destination: UnsafeMutableRawPointer, byteCount: Int) throws(CUDAError) {
    if byteCount > 0 { try context.call(functions.copyOutAsync) { $0(destination, address, byteCount, handle) } }
  }

  /// Within the device.
  public func copy(from source: UInt64, to address: UInt64, byteCount: Int) throws(CUDAError) {
    if byteCount > 0 { try context.call(functions.copyAsync) { $0(address, source, byteCount, handle) } }
  }

  /// Sets each byte.
  public func fill(_ address: UInt64, with byte: UInt8, byteCount: Int) throws(CUDAError) {
    if byteCount > 0 { try context.call(functions.fillAsync) { $0(address, byte, byteCount, handle) } }
  }
}

extension CUDAContext {
  public func makeStream() throws(CUDAError) -> DriverStream { try DriverStream(self) }

  /// Host to device, done when it returns.
  public func copyIn(from source: UnsafeRawPointer, to address: UInt64, byteCount: Int) throws(CUDAError) {
    if byteCount > 0 { try call(driver.functions.copyIn) { $0(address, source, byteCount) } }
  }

  /// Device to host, done when it returns.
  public func copyOut(from address: UInt64, to destination: UnsafeMutableRawPointer, byteCount: Int) throws(CUDAError) {
    if byteCount > 0 { try call(driver.functions.copyOut) { $0(destination, address, byteCount) } }
  }
}

/// A mark in a stream's order.
public final class DriverEvent: Sendable {
  public let context: CUDAContext
  let handle: cu_event

  /// - measuresTime: whether `milliseconds(since:)` can be asked; costs a little.
  public init(_ context: CUDAContext, measuresTime: Bool = true) throws(CUDAError) {
    var handle: cu_event = 0
    try context.call(context.driver.functions.eventCreate) { $0(&handle, measuresTime ? 0 : 2) }
    (self.context, self.handle) = (context, handle)
  }

  deinit { context.callSilently(context.driver.functions.eventDestroy) { $0(handle) } }

  public func record(on stream: DriverStream) throws(CUDAError) {
    try context.call(context.driver.functions.eventRecord) { $0(handle, stream.handle) }
  }

  /// Waits until the stream has come to it.
  public func synchronize() throws(CUDAError) {
    try context.call(context.driver.functions.eventSynchronize) { $0(handle) }
  }

  /// Whether the stream has come to it.
  public func isDone() throws(CUDAError) -> Bool {
    do throws(CUDAError) {
      try context.call(context.driver.functions.eventQuery) { $0(handle) }
      return true
    } catch {
      if error.code == .status(600) { return false }  // not ready
      throw error
    }
  }

  /// Time on the device between two events that are done.
  public func milliseconds(since start: DriverEvent) throws(CUDAError) -> Double {
    var elapsed: Float = 0
    try context.call(context.driver.functions.eventElapsed) { $0(&elapsed, start.handle, handle) }
    return Double(elapsed)
  }
}
