import CCUDA

/// One GPU, and what it has.
public struct CUDADevice: Sendable {
  public let driver: CUDADriver
  /// From 0, in the driver's order.
  public let ordinal: Int
  /// `NVIDIA H100 80GB HBM3`.
  public let name: String
  /// 9 and 0 for an H100.
  public let computeCapability: (major: Int, minor: Int)
  public let multiprocessorCount: Int
  /// Bytes of its memory.
  public let memoryBytes: Int
  /// Bytes of shared memory that a block may have: as it is, and when a function asks for more.
  public let sharedBytesPerBlock: Int, sharedBytesPerBlockOptIn: Int
  public let sharedBytesPerMultiprocessor: Int
  public let threadsPerBlock: Int
  /// Bytes of the second-level cache.
  public let cacheBytes: Int
  /// Of the multiprocessors and of the memory, in kHz; 0 where the driver does not say.
  public let clockRate: Int, memoryClockRate: Int
  /// Bits of the memory's bus.
  public let memoryBusWidth: Int
  /// Whether memory can be taken from a pool in a stream's order.
  public let hasMemoryPools: Bool
  /// Whether blocks can be launched as clusters, and tensor maps be used.
  public let hasClusters: Bool, hasTensorMaps: Bool
  let handle: cu_device

  /// The number that targets and expressions use: 90 for compute capability 9.0.
  public var targetNumber: Int { computeCapability.major * 10 + computeCapability.minor }

  /// Bytes per second between memory and chip as advertised: two transfers per clock; nil where the driver does not say.
  public var memoryBandwidth: Double? {
    memoryClockRate > 0 && memoryBusWidth > 0 ? 2000 * Double(memoryClockRate) * Double(memoryBusWidth) / 8 : nil
  }
}

extension CUDADriver {
  /// - Throws: `invalid` for an ordinal that is not there.
  public func device(_ ordinal: Int) throws(CUDAError) -> CUDADevice {
    guard ordinal >= 0, ordinal < deviceCount else {
      throw CUDAError(
        .invalid,
        "there is no device \(ordinal): the driver \(path) sees \(deviceCount == 0 ? "none" : "\(deviceCount)")")
    }
    var handle: cu_device = 0
    try call(functions.deviceGet) { $0(&handle, Int32(ordinal)) }
    let device = handle

    var name = [CChar](repeating: 0, count: 256)
    try call(functions.deviceName) { $0(&name, Int32(name.count), device) }
    var bytes = 0
    try call(functions.deviceMemory) { $0(&bytes, device) }

    /// An attribute that each driver knows, and one that older drivers may not.
    func attribute(_ number: Int32) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try call(functions.deviceAttribute, about: "attribute \(number)") { $0(&value, number, device) }
      return Int(value)
    }
    func optional(_ number: Int32) -> Int { (try? attribute(number)) ?? 0 }
    let shared = try attribute(8)
    return CUDADevice(
      driver: self, ordinal: ordinal,
      name: String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self),
      computeCapability: (try attribute(75), try attribute(76)), multiprocessorCount: try attribute(16),
      memoryBytes: bytes, sharedBytesPerBlock: shared, sharedBytesPerBlockOptIn: max(shared, optional(97)),
      sharedBytesPerMultiprocessor: max(shared, optional(81)), threadsPerBlock: try attribute(1),
      cacheBytes: optional(38), clockRate: optional(13), memoryClockRate: optional(36), memoryBusWidth: optional(37),
      hasMemoryPools: optional(115) != 0 && functions.allocateAsync.pointer != nil, hasClusters: optional(120) != 0,
      hasTensorMaps: optional(127) != 0, handle: handle)
  }
}
