import CUDADriver
import Synchronization

/// The GPUs of this machine, and the emulated one: each looked for once, when it is first asked for.
public final class GPUDevices: Sendable {
  private let driver = Once<Result<CUDADriver, CUDAError>>()
  private let contexts = Mutex<[Int: Result<CUDAContext, CUDAError>]>([:])
  private let emulators = Mutex<[String: Result<CUDAContext, CUDAError>]>([:])

  private let path: String

  /// - driver: the driver's library, or a stand-in for it.
  public init(driver: String = CUDADriver.standardPath) { path = driver }

  private var machine: Result<CUDADriver, CUDAError> {
    driver { Result { () throws(CUDAError) in try CUDADriver(path: path) } }
  }

  public func device(_ ordinal: Int) -> Result<CUDADevice, CUDAError> {
    machine.flatMap { driver in Result { () throws(CUDAError) in try driver.device(ordinal) } }
  }

  /// The context that kernels of a device are loaded into: the device's primary one.
  public func context(_ ordinal: Int) -> Result<CUDAContext, CUDAError> {
    contexts.withLock { contexts in
      if let known = contexts[ordinal] { return known }
      let made = device(ordinal).flatMap { device in Result { () throws(CUDAError) in try device.context() } }
      contexts[ordinal] = made
      return made
    }
  }

  /// Why a device cannot be used; nil when it can.
  public func absence(_ ordinal: Int) -> String? {
    if case .failure(let error) = context(ordinal) { return "\(error)" }
    return nil
  }

  /// The emulated device.
  /// - library: the stand-in for the driver.
  func emulator(_ library: String) -> Result<CUDAContext, CUDAError> {
    emulators.withLock { emulators in
      if let known = emulators[library] { return known }
      let made = Result { () throws(CUDAError) in try CUDADriver(path: library).device(0).context() }
      emulators[library] = made
      return made
    }
  }

  /// What a device runs, best first: code for its own architecture, then what is compatible with it.
  public static func targets(of device: CUDADevice) -> [String] {
    let (major, minor) = device.computeCapability
    return switch major {
    case ..<8: []
    case 8: ["sm_8\(minor)", "sm_80"]
    case 9: ["sm_90a", "sm_90"]
    default: ["sm_\(major)\(minor)a", "sm_\(major)\(minor)", "sm_\(major)0"]
    }
  }
}
