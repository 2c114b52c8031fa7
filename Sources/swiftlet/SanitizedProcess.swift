import ArgumentParser
import Glibc

/// This program begun anew, with what a sanitizer wants to be in a process before anything else.
enum SanitizedProcess {
  /// Compilers in the order in which the emulation takes them, and what each calls its library.
  private static let libraries = [("clang++", "libclang_rt.asan-\(architecture).so"), ("g++", "libasan.so")]

  #if arch(arm64)
    private static let architecture = "aarch64"
  #else
    private static let architecture = "x86_64"
  #endif

  /// Returns in a process that has AddressSanitizer; otherwise this process becomes one, with the same arguments.
  /// - Throws: when no compiler has its library.
  static func requireAddressSanitizer() throws {
    let preloaded = getenv("LD_PRELOAD").map { String(cString: $0) } ?? ""
    if preloaded.contains("asan") { return }
    guard let library = libraries.lazy.compactMap({ path(of: $0.1, compiler: $0.0) }).first else {
      let names = libraries.map { "\($0.1) of \($0.0)" }.joined(separator: " or ")
      throw ValidationError("--sanitize address needs the compiler's runtime: there is no \(names)")
    }
    setenv("LD_PRELOAD", preloaded.isEmpty ? library : library + ":" + preloaded, 1)
    // Swift's runtime keeps what it has until the end.
    setenv("ASAN_OPTIONS", "detect_leaks=0", 0)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
    throw ValidationError("--sanitize address: this program cannot be begun anew: \(String(cString: strerror(errno)))")
  }

  /// Where a compiler has a file of its own; nil when there is no such compiler or file.
  private static func path(of file: String, compiler: String) -> String? {
    guard let pipe = popen("\(compiler) -print-file-name=\(file) 2>/dev/null", "r") else { return nil }
    defer { pclose(pipe) }
    var buffer = [CChar](repeating: 0, count: 4096)
    guard fgets(&buffer, Int32(buffer.count), pipe) != nil else { return nil }
    let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
    let path = String(decoding: bytes, as: UTF8.self)
    // A compiler without the file answers with its bare name.
    return path.hasPrefix("/") && access(path, R_OK) == 0 ? path : nil
  }
}
