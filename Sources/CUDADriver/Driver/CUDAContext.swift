import CCUDA

/// A device's primary context: where its memory, modules and streams live. The same one that other libraries in the process
/// use. Released when the last object made in it goes.
public final class CUDAContext: Sendable {
  public let device: CUDADevice
  public var driver: CUDADriver { device.driver }
  let handle: cu_context

  fileprivate init(_ device: CUDADevice) throws(CUDAError) {
    var handle: cu_context = 0
    try device.driver.call(device.driver.functions.contextRetain) { $0(&handle, device.handle) }
    (self.device, self.handle) = (device, handle)
    keepPoolMemory()
  }

  deinit { _ = device.driver.functions.contextRelease.pointer?(device.handle) }

  /// Calls with this context current on the thread, and puts back what was current before.
  @inline(__always)
  public func perform<R>(_ body: () throws(CUDAError) -> R) throws(CUDAError) -> R {
    try driver.call(driver.functions.contextPush) { $0(handle) }
    defer {
      var popped: cu_context = 0
      _ = driver.functions.contextPop.pointer?(&popped)
    }
    return try body()
  }

  /// One call of the driver in this context.
  @inline(__always)
  func call<F>(_ function: LibraryFunction<F>, _ body: (F) -> cu_result) throws(CUDAError) {
    try perform { () throws(CUDAError) in try driver.call(function, body) }
  }

  /// The same when objects go: nobody is there to tell.
  func callSilently<F>(_ function: LibraryFunction<F>, _ body: (F) -> cu_result) {
    _ = try? call(function, body)
  }

  /// Bytes of the device's memory that are free, and all of them.
  public func memory() throws(CUDAError) -> (free: Int, total: Int) {
    var free = 0, total = 0
    try call(driver.functions.memoryInfo) { $0(&free, &total) }
    return (free, total)
  }

  /// Lets the device's pool keep what was freed: without this it gives memory back at each synchronisation.
  private func keepPoolMemory() {
    guard device.hasMemoryPools, let poolOf = driver.functions.devicePool.pointer,
      let set = driver.functions.poolSet.pointer
    else { return }
    var pool: cu_pool = 0, threshold = UInt64.max
    if poolOf(&pool, device.handle) == 0 { _ = set(pool, 4, &threshold) }  // the release threshold
  }
}

extension CUDADevice {
  /// The device's primary context, made if it is not there.
  public func context() throws(CUDAError) -> CUDAContext { try CUDAContext(self) }
}
