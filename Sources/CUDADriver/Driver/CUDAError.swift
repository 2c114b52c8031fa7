import CCUDA

/// Why a call of the driver, of NVRTC or of cuBLASLt did not do what it should.
public struct CUDAError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    /// The library is not on this machine, or cannot be loaded.
    case notLoaded
    /// The library lacks the function: it is too old, or a stand-in.
    case functionMissing
    /// What was asked for breaks a rule that was checked before the call.
    case invalid
    /// The library's own status.
    case status(Int32)
  }
  public let code: Code
  /// The function that was called: `cuMemAlloc_v2`; empty where none was.
  public let call: String
  /// The status' name: `CUDA_ERROR_OUT_OF_MEMORY`.
  public let name: String
  /// What happened, in the library's words or ours.
  public let reason: String

  /// Whether the device's context is lost: each later call on it fails, and only a new process helps.
  public let isContextLost: Bool

  public init(_ code: Code, call: String = "", name: String = "", isContextLost: Bool = false, _ reason: String) {
    (self.code, self.call, self.name, self.reason) = (code, call, name, reason)
    self.isContextLost = isContextLost
  }

  /// The driver has no memory left for the request.
  public var isOutOfMemory: Bool { code == .status(2) && name.hasPrefix("CUDA_") }

  public var description: String {
    var text = call.isEmpty ? "" : call + ": "
    if case .status(let status) = code { text += "\(name) (\(status)): " }
    text += reason
    if isContextLost {
      text += "; the device's context is lost, and each later call on it fails: start the process anew"
    }
    return text
  }
}

/// What the numbers of the driver's statuses mean, for libraries that do not say it themselves.
enum DriverStatus {
  /// What a kernel did wrong, or the device; after these the context is unusable.
  static let faults: Set<Int32> = [214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721]

  static func name(_ status: Int32) -> String { names[status] ?? "CUDA_ERROR_\(status)" }

  private static let names: [Int32: String] = [
    1: "CUDA_ERROR_INVALID_VALUE", 2: "CUDA_ERROR_OUT_OF_MEMORY", 3: "CUDA_ERROR_NOT_INITIALIZED",
    4: "CUDA_ERROR_DEINITIALIZED", 34: "CUDA_ERROR_STUB_LIBRARY", 36: "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER",
    46: "CUDA_ERROR_DEVICE_UNAVAILABLE", 100: "CUDA_ERROR_NO_DEVICE", 101: "CUDA_ERROR_INVALID_DEVICE",
    200: "CUDA_ERROR_INVALID_IMAGE", 201: "CUDA_ERROR_INVALID_CONTEXT", 209: "CUDA_ERROR_NO_BINARY_FOR_GPU",
    214: "CUDA_ERROR_ECC_UNCORRECTABLE", 218: "CUDA_ERROR_INVALID_PTX", 220: "CUDA_ERROR_NVLINK_UNCORRECTABLE",
    222: "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", 226: "CUDA_ERROR_CONTAINED", 300: "CUDA_ERROR_INVALID_SOURCE",
    301: "CUDA_ERROR_FILE_NOT_FOUND", 302: "CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND",
    303: "CUDA_ERROR_SHARED_OBJECT_INIT_FAILED", 304: "CUDA_ERROR_OPERATING_SYSTEM", 400: "CUDA_ERROR_INVALID_HANDLE",
    401: "CUDA_ERROR_ILLEGAL_STATE", 500: "CUDA_ERROR_NOT_FOUND", 600: "CUDA_ERROR_NOT_READY",
    700: "CUDA_ERROR_ILLEGAL_ADDRESS", 701: "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", 702: "CUDA_ERROR_LAUNCH_TIMEOUT",
    709: "CUDA_ERROR_CONTEXT_IS_DESTROYED", 710: "CUDA_ERROR_ASSERT", 714: "CUDA_ERROR_HARDWARE_STACK_ERROR",
    715: "CUDA_ERROR_ILLEGAL_INSTRUCTION", 716: "CUDA_ERROR_MISALIGNED_ADDRESS",
    717: "CUDA_ERROR_INVALID_ADDRESS_SPACE", 718: "CUDA_ERROR_INVALID_PC", 719: "CUDA_ERROR_LAUNCH_FAILED",
    720: "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", 721: "CUDA_ERROR_TENSOR_MEMORY_LEAK",
    800: "CUDA_ERROR_NOT_PERMITTED", 801: "CUDA_ERROR_NOT_SUPPORTED", 802: "CUDA_ERROR_SYSTEM_NOT_READY",
    803: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", 900: "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
    901: "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", 904: "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
    906: "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", 908: "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
    910: "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE", 912: "CUDA_ERROR_INVALID_CLUSTER_SIZE", 999: "CUDA_ERROR_UNKNOWN",
  ]
}
