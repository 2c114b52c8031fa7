import Glibc

/// A library loaded at run time. Never unloaded: drivers start threads.
struct DynamicLibrary: @unchecked Sendable {
  // @unchecked: the handle never changes, and dlsym is thread-safe.
  private let handle: UnsafeMutableRawPointer
  let path: String

  /// - isGlobal: whether libraries that are loaded later see its symbols.
  /// - Throws: `notLoaded` with the loader's words.
  init(_ path: String, isGlobal: Bool = false) throws(CUDAError) {
    dlerror()
    guard let handle = dlopen(path, RTLD_NOW | (isGlobal ? RTLD_GLOBAL : RTLD_LOCAL)) else {
      let words = dlerror().map { String(cString: $0) } ?? "no reason given"
      throw CUDAError(.notLoaded, words.contains(path) ? words : "\(path): \(words)")
    }
    (self.handle, self.path) = (handle, path)
  }

  func symbol(_ name: String) -> UnsafeMutableRawPointer? { dlsym(handle, name) }

  /// The first of the names that the library has.
  func function<F>(_ names: String..., as type: F.Type = F.self) -> LibraryFunction<F> {
    let address = names.lazy.compactMap { symbol($0) }.first
    return LibraryFunction(
      name: names.first ?? "", pointer: address.map { unsafeBitCast($0, to: F.self) }, library: path)
  }
}

/// A function of a library that may lack it.
struct LibraryFunction<F>: @unchecked Sendable {
  // @unchecked: a C function's address.
  let name: String
  let pointer: F?
  let library: String

  /// - Throws: `functionMissing`.
  @inline(__always)
  func get() throws(CUDAError) -> F {
    guard let pointer else {
      throw CUDAError(.functionMissing, call: name, "\(library) has no such function: it is too old, or a stand-in")
    }
    return pointer
  }
}
