import Traces

/// The Python package apache-tvm-ffi: headers of the typed C++ interface, and its library.
struct TVMFFIPackage: Sendable, Hashable {
  let includeFolders: [String]
  let libraryFolder: String

  /// Asks a Python interpreter; nil when the package is not installed.
  static func find(python: String) -> TVMFFIPackage? {
    let command = [python, "-m", "tvm_ffi.config", "--includedir", "--dlpack-includedir", "--libdir"]
    guard let outcome = try? ChildProcess.run(command, within: .seconds(60)), outcome.status == 0 else { return nil }
    let folders = outcome.output.split(separator: "\n").map(String.init)
    guard folders.count == 3, folders.allSatisfy(CacheFiles.isDirectory) else { return nil }
    return TVMFFIPackage(includeFolders: Array(folders[..<2]), libraryFolder: folders[2])
  }

  /// Whether a source includes its headers.
  static func isNeeded(by solution: Solution) -> Bool {
    solution.sources.contains { source in
      source.content.split(separator: "\n").contains { line in
        let text = line.filter { $0 != " " && $0 != "\t" }
        return text.hasPrefix("#include<tvm/ffi/") || text.hasPrefix("#include\"tvm/ffi/")
      }
    }
  }
}
