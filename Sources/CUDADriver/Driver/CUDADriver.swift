import CCUDA

/// The CUDA driver, loaded at run time: nothing of it is needed to build or to start.
///
///     let driver = try CUDADriver()                      // or the path of a stand-in
///     let context = try driver.device(0).context()
///     let stream = try context.makeStream()
///
/// Every call's status is checked and thrown as `CUDAError`. All objects may be used from any thread: a call makes its
/// context current for its own length. The library is never unloaded.
public final class CUDADriver: Sendable {
  /// NVIDIA's own library, as the loader finds it.
  public static let standardPath = "libcuda.so.1"

  /// What was loaded.
  public let path: String
  /// The newest CUDA that the driver knows, times 1000: 13000 is 13.0.
  public let version: Int
  public let deviceCount: Int
  let functions: DriverFunctions

  /// - Throws: `notLoaded` with the loader's words; what the driver says when it cannot start, for example that there is no
  ///   device.
  public init(path: String = CUDADriver.standardPath) throws(CUDAError) {
    let functions = DriverFunctions(try DynamicLibrary(path))
    (self.path, self.functions) = (path, functions)
    try Self.check(functions, functions.initialize.name, functions.initialize.get()(0))
    var version: Int32 = 0, count: Int32 = 0
    try Self.check(functions, functions.version.name, functions.version.get()(&version))
    try Self.check(functions, functions.deviceCount.name, functions.deviceCount.get()(&count))
    (self.version, deviceCount) = (Int(version), Int(count))
  }

  /// Why there is no driver or no device; nil when there are both.
  public static func absence(path: String = CUDADriver.standardPath) -> String? {
    do throws(CUDAError) {
      let driver = try CUDADriver(path: path)
      return driver.deviceCount > 0 ? nil : "the CUDA driver \(path) sees no device"
    } catch {
      return "no CUDA driver (\(error))"
    }
  }

  /// Whether this is no driver of a device, but a stand-in that executes kernels on the processor.
  public var isEmulation: Bool { functions.emulationFault.pointer != nil }

  // MARK: calls

  @inline(__always)
  func call<F>(_ function: LibraryFunction<F>, _ body: (F) -> cu_result) throws(CUDAError) {
    let status = body(try function.get())
    if status != 0 { throw Self.error(functions, function.name, status) }
  }

  /// The same with words about what was asked for.
  func call<F>(_ function: LibraryFunction<F>, about detail: String, _ body: (F) -> cu_result) throws(CUDAError) {
    let status = body(try function.get())
    if status != 0 { throw Self.error(functions, function.name, status, detail) }
  }

  private static func check(_ functions: DriverFunctions, _ name: String, _ status: cu_result) throws(CUDAError) {
    if status != 0 { throw error(functions, name, status) }
  }

  static func error(
    _ functions: DriverFunctions, _ call: String, _ status: cu_result, _ detail: String = ""
  ) -> CUDAError {
    func text(_ function: LibraryFunction<cu_error_text_fn>) -> String? {
      var text: UnsafePointer<CChar>?
      guard let ask = function.pointer, ask(status, &text) == 0, let text else { return nil }
      return String(cString: text)
    }
    let words = emulationFault(functions, status) ?? text(functions.errorText) ?? "the driver says no more"
    return CUDAError(
      .status(status), call: call, name: text(functions.errorName) ?? DriverStatus.name(status),
      isContextLost: DriverStatus.faults.contains(status) && functions.emulationFault.pointer == nil,
      detail.isEmpty ? words : "\(words) (\(detail))")
  }

  /// What a stand-in knows of a kernel's fault, or of an image that cannot be loaded: the place and the reason.
  private static func emulationFault(_ functions: DriverFunctions, _ status: cu_result) -> String? {
    guard let ask = functions.emulationFault.pointer, DriverStatus.faults.contains(status) || status == 200 else {
      return nil
    }
    var text = [CChar](repeating: 0, count: 4096)
    guard ask(&text, text.count) > 0 else { return nil }
    let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The last fault may be an older one of another kind.
    return status == 200 && !words.hasPrefix("the image") ? nil : words
  }
}
