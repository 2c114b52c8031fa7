import CCUDA

/// A run of bytes on a device, freed when its last user goes.
public final class DeviceMemory: Sendable {
  public let context: CUDAContext
  /// On the device, aligned to 256 bytes.
  public let address: UInt64
  public let byteCount: Int
  /// In whose order it was allocated and is freed; nil for memory that is there for all.
  private let stream: DriverStream?

  fileprivate init(_ context: CUDAContext, _ address: UInt64, _ byteCount: Int, _ stream: DriverStream?) {
    (self.context, self.address, self.byteCount, self.stream) = (context, address, byteCount, stream)
  }

  deinit {
    guard address != 0 else { return }
    if let stream {
      context.callSilently(context.driver.functions.freeAsync) { $0(address, stream.handle) }
    } else {
      context.callSilently(context.driver.functions.free) { $0(address) }
    }
  }
}

extension CUDAContext {
  /// Memory with undefined contents. Zero bytes take one: addresses are never null.
  /// - Throws: what the driver says; with how much is free when there is not enough.
  public func allocate(byteCount: Int) throws(CUDAError) -> DeviceMemory {
    let wanted = try checkedCount(byteCount)
    var address: cu_address = 0
    do throws(CUDAError) {
      try call(driver.functions.allocate) { $0(&address, wanted) }
    } catch {
      throw explained(error, wanted)
    }
    return DeviceMemory(self, address, byteCount, nil)
  }

  fileprivate func checkedCount(_ byteCount: Int) throws(CUDAError) -> Int {
    if byteCount < 0 { throw CUDAError(.invalid, "\(byteCount) bytes cannot be allocated") }
    return max(1, byteCount)
  }

  fileprivate func explained(_ error: CUDAError, _ wanted: Int) -> CUDAError {
    guard error.isOutOfMemory, let (free, total) = try? memory() else { return error }
    return CUDAError(
      error.code, call: error.call, name: error.name,
      "\(error.reason): \(wanted) bytes wanted, \(free) of \(total) free on device \(device.ordinal)")
  }
}

extension DriverStream {
  /// Memory that this stream's later work may use at once; freed in its order. Contents undefined.
  /// Where the device has no pools it is allocated for all.
  public func allocate(byteCount: Int) throws(CUDAError) -> DeviceMemory {
    guard context.device.hasMemoryPools else { return try context.allocate(byteCount: byteCount) }
    let wanted = try context.checkedCount(byteCount)
    var address: cu_address = 0
    do throws(CUDAError) {
      try context.call(context.driver.functions.allocateAsync) { $0(&address, wanted, handle) }
    } catch {
      throw context.explained(error, wanted)
    }
    return DeviceMemory(context, address, byteCount, self)
  }
}

/// Host memory that the device copies from and to without a detour.
public final class PinnedMemory: @unchecked Sendable {
  // @unchecked: the pointer never changes; who may write the bytes is the business of whoever shares it.
  public let pointer: UnsafeMutableRawPointer
  public let byteCount: Int
  private let context: CUDAContext

  public init(_ context: CUDAContext, byteCount: Int) throws(CUDAError) {
    let wanted = try context.checkedCount(byteCount)
    var memory: UnsafeMutableRawPointer?
    try context.call(context.driver.functions.allocateHost) { $0(&memory, wanted, 1) }  // usable in every context
    guard let memory else { throw CUDAError(.invalid, call: "cuMemHostAlloc", "the driver gave no memory") }
    (pointer, self.byteCount, self.context) = (memory, byteCount, context)
  }

  deinit { context.callSilently(context.driver.functions.freeHost) { $0(pointer) } }
}
