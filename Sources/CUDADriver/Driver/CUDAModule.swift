import CCUDA

/// Loaded code.
public final class CUDAModule: Sendable {
  public let context: CUDAContext
  private let handle: cu_module

  /// - image: a cubin, a fat binary, or PTX as text.
  /// - Throws: what the driver says: for another architecture it is `CUDA_ERROR_NO_BINARY_FOR_GPU`.
  public init(_ context: CUDAContext, image: [UInt8]) throws(CUDAError) {
    if image.isEmpty { throw CUDAError(.invalid, call: "cuModuleLoadData", "the image is empty") }
    var handle: cu_module = 0
    let terminated = image + [0]  // PTX ends with a zero
    try context.perform { () throws(CUDAError) in
      try context.driver.call(
        context.driver.functions.moduleLoadData,
        about: "an image of \(image.count) bytes for \(context.device.name), sm_\(context.device.targetNumber)"
      ) { function in terminated.withUnsafeBytes { function(&handle, $0.baseAddress) } }
    }
    (self.context, self.handle) = (context, handle)
  }

  /// - path: of a file with an image.
  public init(_ context: CUDAContext, path: String) throws(CUDAError) {
    var handle: cu_module = 0
    try context.perform { () throws(CUDAError) in
      try context.driver.call(
        context.driver.functions.moduleLoad,
        about: "\(path) for \(context.device.name), sm_\(context.device.targetNumber)"
      ) { $0(&handle, path) }
    }
    (self.context, self.handle) = (context, handle)
  }

  deinit { context.callSilently(context.driver.functions.moduleUnload) { $0(handle) } }

  /// - Throws: `CUDA_ERROR_NOT_FOUND` with the name.
  public func function(_ name: String) throws(CUDAError) -> CUDAFunction {
    var function: cu_function = 0
    try context.perform { () throws(CUDAError) in
      try context.driver.call(context.driver.functions.moduleFunction, about: "\"\(name)\"") {
        $0(&function, handle, name)
      }
    }
    return CUDAFunction(module: self, name: name, handle: function)
  }
}

/// A `__global__` function of a module.
public struct CUDAFunction: Sendable {
  public let module: CUDAModule
  public let name: String
  let handle: cu_function

  /// What it takes of the device.
  public struct Attributes: Sendable, Hashable {
    public let maximumThreadsPerBlock: Int
    public let registers: Int
    /// Bytes per block.
    public let staticSharedBytes: Int
    /// Bytes per thread: spilled registers and arrays.
    public let localBytes: Int
    /// The architecture that it was compiled for: 90.
    public let binaryVersion: Int
  }

  public func attributes() throws(CUDAError) -> Attributes {
    let context = module.context
    func attribute(_ number: Int32) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try context.call(context.driver.functions.functionAttribute) { $0(&value, number, handle) }
      return Int(value)
    }
    return Attributes(
      maximumThreadsPerBlock: try attribute(0), registers: try attribute(4), staticSharedBytes: try attribute(1),
      localBytes: try attribute(3), binaryVersion: try attribute(6))
  }

  /// Allows launches with this much dynamic shared memory; needed above 48 KiB.
  /// - Throws: `invalid` when the device does not have it.
  public func allowDynamicShared(bytes: Int) throws(CUDAError) {
    let context = module.context, limit = context.device.sharedBytesPerBlockOptIn
    if bytes > limit {
      throw CUDAError(
        .invalid, "\(name) wants \(bytes) bytes of shared memory; \(context.device.name) has \(limit) for a block")
    }
    try context.call(context.driver.functions.functionSet) { $0(handle, 8, Int32(bytes)) }
  }

  /// Allows clusters of more than eight blocks.
  public func allowLargeClusters() throws(CUDAError) {
    try module.context.call(module.context.driver.functions.functionSet) { $0(handle, 14, 1) }
  }
}
