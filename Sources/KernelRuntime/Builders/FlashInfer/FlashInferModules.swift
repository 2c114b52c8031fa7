import CTensorABI
import Glibc
import JSONText
import Tensors

/// FlashInfer's modules as `Scripts/build_flashinfer.py` left them in a folder: shared libraries that export functions
/// behind TVM-FFI's C ABI, and beside each a JSON file that says what it was made for.
public struct FlashInferModules: Sendable {
  public let folder: String
  /// Module → what it is.
  public let modules: [String: Module]

  public struct Module: Sendable, Hashable {
    /// Of FlashInfer.
    public let version: String
    /// `sm_90a`.
    public let target: String
  }

  /// Where `make flashinfer` puts modules for Hopper.
  /// - home: `~/.cache/swiftlet`.
  public static func defaultFolder(home: String) -> String { home + "/flashinfer/0.7.2.post1-sm_90a" }

  /// The modules of a folder; none when it is not there. Files that are no records of modules are passed over.
  public init(folder: String) {
    var modules: [String: Module] = [:]
    for file in CacheFiles.names(in: folder) where file.hasSuffix(".json") {
      let name = String(file.dropLast(".json".count))
      guard let bytes = CacheFiles.read(folder + "/" + file, limit: 1 << 20),
        let value = try? JSONValue(parsing: bytes),
        let version = value["flashinfer"]?.string, let target = value["target"]?.string,
        access(folder + "/\(name).so", R_OK) == 0
      else { continue }
      modules[name] = Module(version: version, target: target)
    }
    (self.folder, self.modules) = (folder, modules)
  }

  /// Loads a module.
  /// - Throws: `buildFailed` when it is not there, or with the loader's words.
  func library(_ module: String) throws(KernelError) -> SharedLibrary {
    guard modules[module] != nil else {
      throw KernelError(.buildFailed, "there is no module \(module) in \(folder): run `make flashinfer`")
    }
    return try SharedLibrary("\(folder)/\(module).so")
  }

  /// Why a module cannot be used on a device of a compute capability (80, 90, 100); nil when it can.
  func refusal(_ module: String, capability: Int?) -> String? {
    guard let found = modules[module] else { return "there is no module \(module) in \(folder): run `make flashinfer`" }
    guard let capability else { return nil }
    let digits = found.target.drop { !$0.isNumber }.prefix { $0.isNumber }
    // Without an `a` code runs on later minor versions too.
    let exact = found.target.hasSuffix("a"), target = Int(digits) ?? 0
    let suits = exact ? capability == target : capability >= target && capability / 10 == target / 10
    return suits ? nil : "the module \(module) was built for \(found.target), the device is sm_\(capability)"
  }
}

extension SharedLibrary {
  /// Makes a stream the one that functions behind TVM-FFI put their work on, for this thread.
  /// - Throws: `runFailed` when libtvm_ffi is not among the library's dependencies, or refuses.
  func setStream(_ stream: UInt, device: Device) throws(KernelError) {
    typealias Function =
      @convention(c) (Int32, Int32, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Int32
    guard let address = symbol("TVMFFIEnvSetStream") else {
      throw KernelError(.runFailed, "libtvm_ffi has no TVMFFIEnvSetStream; apache-tvm-ffi 0.1.12 has")
    }
    let place = DLDevice(device)
    let status = unsafeBitCast(address, to: Function.self)(
      place.device_type, place.device_id, UnsafeMutableRawPointer(bitPattern: stream), nil)
    if status != 0 { throw KernelError(.runFailed, "TVMFFIEnvSetStream: \(takeLastError() ?? "no reason given")") }
  }
}
