import CCUDA

/// NVIDIA's compiler as a library, loaded at run time: CUDA C++ becomes a cubin without nvcc, a host compiler or a GPU.
///
///     let compiler = try NVRTC(path: "…/libnvrtc.so.13")
///     let cubin = try compiler.compile("extern \"C\" __global__ void f() {}", target: "sm_90a").image
public struct NVRTC: Sendable {
  public let path: String
  public let version: (major: Int, minor: Int)
  private let errorText: LibraryFunction<nvrtc_error_text_fn>
  private let create: LibraryFunction<nvrtc_create_fn>
  private let destroy: LibraryFunction<nvrtc_destroy_fn>
  private let compileProgram: LibraryFunction<nvrtc_compile_fn>
  private let logSize: LibraryFunction<nvrtc_size_fn>, getLog: LibraryFunction<nvrtc_get_fn>
  private let cubinSize: LibraryFunction<nvrtc_size_fn>, getCubin: LibraryFunction<nvrtc_get_fn>
  private let ptxSize: LibraryFunction<nvrtc_size_fn>, getPTX: LibraryFunction<nvrtc_get_fn>

  /// What a compilation left.
  public struct Result: Sendable, Hashable {
    /// A cubin for `sm_…`, PTX for `compute_…`.
    public let image: [UInt8]
    /// Warnings and remarks; empty when there are none.
    public let log: String
  }

  /// - path: of libnvrtc. The builtins library, which the compiler looks up by its bare name, is taken from the same folder.
  /// - Throws: `notLoaded` with the loader's words.
  public init(path: String) throws(CUDAError) {
    // The builtins are found when they are already loaded, whatever the loader's search path is.
    var loaded: DynamicLibrary?
    for builtins in Self.builtins(beside: path) {
      if let library = try? DynamicLibrary(builtins, isGlobal: true) {
        loaded = library
        break
      }
    }
    _ = loaded
    let library = try DynamicLibrary(path)
    self.path = path
    errorText = library.function("nvrtcGetErrorString")
    create = library.function("nvrtcCreateProgram")
    destroy = library.function("nvrtcDestroyProgram")
    compileProgram = library.function("nvrtcCompileProgram")
    (logSize, getLog) = (library.function("nvrtcGetProgramLogSize"), library.function("nvrtcGetProgramLog"))
    (cubinSize, getCubin) = (library.function("nvrtcGetCUBINSize"), library.function("nvrtcGetCUBIN"))
    (ptxSize, getPTX) = (library.function("nvrtcGetPTXSize"), library.function("nvrtcGetPTX"))
    let ask: LibraryFunction<nvrtc_version_fn> = library.function("nvrtcVersion")
    var major: Int32 = 0, minor: Int32 = 0
    let status = try ask.get()(&major, &minor)
    if status != 0 { throw CUDAError(.status(status), call: ask.name, "NVRTC does not say its version") }
    version = (Int(major), Int(minor))
  }

  /// Where the builtins of a compiler may be: `libnvrtc-builtins.so.13.0` beside `libnvrtc.so.13`.
  private static func builtins(beside path: String) -> [String] {
    guard let slash = path.lastIndex(of: "/") else { return [] }
    let folder = path[...slash], file = path[path.index(after: slash)...]
    guard file.hasPrefix("libnvrtc.") else { return [] }
    let suffix = file.dropFirst("libnvrtc.".count)  // so.13, so.12, so
    return ["", ".0", ".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".9"]
      .map { "\(folder)libnvrtc-builtins.\(suffix)\($0)" }
  }

  /// Compiles one source.
  /// - name: what messages call the source.
  /// - headers: by the name that `#include` uses; others are found by `--include-path` options.
  /// - target: `sm_90a` gives a cubin, `compute_90` PTX.
  /// - options: further ones, after `--gpu-architecture` and `--std=c++17`.
  /// - Throws: with the compiler's log.
  public func compile(
    _ source: String, name: String = "kernel.cu", headers: [(name: String, text: String)] = [], target: String,
    options: [String] = []
  ) throws(CUDAError) -> Result {
    let all = ["--gpu-architecture=\(target)", "--std=c++17"] + options
    for text in [source, name] + all + headers.flatMap({ [$0.name, $0.text] }) where text.utf8.contains(0) {
      throw CUDAError(.invalid, call: compileProgram.name, "a source or an option holds a zero byte")
    }
    var program: nvrtc_program = 0
    let createFunction = try create.get()
    let created = withCStrings(headers.map(\.text)) { texts in
      withCStrings(headers.map(\.name)) { names in
        createFunction(&program, source, name, Int32(headers.count), texts, names)
      }
    }
    try check(created, create.name)
    defer { _ = destroy.pointer?(&program) }

    let compileFunction = try compileProgram.get()
    let status = withCStrings(all) { compileFunction(program, Int32(all.count), $0) }
    let log = try String(decoding: bytes(program, logSize, getLog).prefix { $0 != 0 }, as: UTF8.self)
    if status != 0 {
      throw CUDAError(
        .status(status), call: compileProgram.name, name: words(status),
        log.isEmpty ? "\(name) was not compiled for \(target), and the compiler says no more" : "\n" + log)
    }
    let image =
      try target.hasPrefix("sm_") ? bytes(program, cubinSize, getCubin) : bytes(program, ptxSize, getPTX)
    return Result(image: image, log: log)
  }

  private func words(_ status: nvrtc_result) -> String {
    errorText.pointer?(status).map { String(cString: $0) } ?? "NVRTC_ERROR_\(status)"
  }

  private func check(_ status: nvrtc_result, _ call: String) throws(CUDAError) {
    if status != 0 { throw CUDAError(.status(status), call: call, name: words(status), "the compiler refused") }
  }

  private func bytes(
    _ program: nvrtc_program, _ size: LibraryFunction<nvrtc_size_fn>, _ get: LibraryFunction<nvrtc_get_fn>
  ) throws(CUDAError) -> [UInt8] {
    var count = 0
    try check(size.get()(program, &count), size.name)
    guard count > 0 else { return [] }
    let function = try get.get()
    var result = [UInt8](repeating: 0, count: count)
    let status = result.withUnsafeMutableBytes {
      function(program, $0.assumingMemoryBound(to: CChar.self).baseAddress)
    }
    try check(status, get.name)
    return result
  }

  /// Calls with an array of C strings that live as long as the call.
  private func withCStrings<R>(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> R
  ) -> R {
    var offsets: [Int] = []
    var bytes: [CChar] = []
    for text in texts {
      offsets.append(bytes.count)
      bytes += text.utf8CString
    }
    return bytes.withUnsafeBufferPointer { bytes in
      let pointers = offsets.map { bytes.baseAddress.map { base in base }?.advanced(by: $0) }
      return pointers.withUnsafeBufferPointer { body(texts.isEmpty ? nil : $0.baseAddress) }
    }
  }
}
