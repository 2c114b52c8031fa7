import CTensorABI
import Glibc

/// A compiled solution, loaded. Never unloaded: it may have started threads or left destructors behind.
final class SharedLibrary: Sendable {
  nonisolated(unsafe) private let handle: UnsafeMutableRawPointer  // never changes; dlsym is thread-safe

  /// Loads with all symbols resolved at once.
  /// - Throws: `buildFailed` with the loader's words: usually the first symbol that nobody defines.
  init(_ path: String) throws(KernelError) {
    dlerror()
    guard let handle = dlopen(path.contains("/") ? path : "./" + path, RTLD_NOW | RTLD_LOCAL) else {
      throw KernelError(.buildFailed, "the library cannot be loaded: \(Self.lastError)")
    }
    self.handle = handle
  }

  private static var lastError: String { dlerror().map { String(cString: $0) } ?? "no reason given" }

  func symbol(_ name: String) -> UnsafeMutableRawPointer? { dlsym(handle, name) }

  /// The kernel exported under a solution's entry symbol.
  /// - Throws: `buildFailed` when it is not there.
  func kernel(_ entrySymbol: String) throws(KernelError) -> TVMFFISafeCallType {
    guard let address = symbol("__tvm_ffi_" + entrySymbol) else {
      throw KernelError(
        .buildFailed,
        "the library exports no __tvm_ffi_\(entrySymbol); the entry point's symbol is \"\(entrySymbol)\", so its kernel is "
          + "extern \"C\" int __tvm_ffi_\(entrySymbol)(void *, const TVMFFIAny *, int32_t, TVMFFIAny *)")
    }
    return unsafeBitCast(address, to: TVMFFISafeCallType.self)
  }

  /// What the library says about the call that just failed: by `swiftlet_last_error`, or through libtvm_ffi; nil when it
  /// has neither.
  func takeLastError() -> String? {
    if let address = symbol("swiftlet_last_error") {
      let function = unsafeBitCast(address, to: (@convention(c) () -> UnsafePointer<CChar>?).self)
      if let text = function(), text.pointee != 0 { return String(cString: text) }
    }
    // dlsym looks into the library's dependencies as well.
    guard let take = symbol("TVMFFIErrorMoveFromRaised") else { return nil }
    var raised: UnsafeMutableRawPointer?
    unsafeBitCast(take, to: (@convention(c) (UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Void).self)(&raised)
    guard let raised else { return nil }
    let error = raised.load(as: TVMFFIErrorObject.self)
    let text = Self.text(error.kind) + ": " + Self.text(error.message)
    release(raised)
    return text
  }

  /// Gives back an object that a kernel returned.
  func release(_ object: UnsafeMutableRawPointer) {
    guard let release = symbol("TVMFFIObjectDecRef") else { return }
    _ = unsafeBitCast(release, to: (@convention(c) (UnsafeMutableRawPointer) -> Int32).self)(object)
  }

  private static func text(_ bytes: TVMFFIByteArray) -> String {
    guard let data = bytes.data else { return "" }
    let raw = UnsafeRawBufferPointer(start: data, count: Int(min(bytes.size, 4096)))
    return String(decoding: raw, as: UTF8.self)
  }
}
