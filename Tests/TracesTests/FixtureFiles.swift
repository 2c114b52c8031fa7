import Glibc

/// Files under `Tests/Fixtures/flashinfer-trace`.
enum FixtureFiles {
  static let root: String = {
    var components = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    components.removeLast(2)
    return components.joined(separator: "/") + "/Fixtures/flashinfer-trace"
  }()

  /// Paths of all files with `suffix` under `folder`, sorted.
  static func paths(under folder: String, suffix: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var result: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix(".") { continue }
      let path = folder + "/" + name
      if name.hasSuffix(suffix) { result.append(path) } else { result += paths(under: path, suffix: suffix) }
    }
    return result.sorted()
  }

  static var definitions: [String] { paths(under: root + "/definitions", suffix: ".json") }
  static var workloads: [String] { paths(under: root + "/workloads", suffix: ".jsonl") }

  static func bytes(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Missing(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  struct Missing: Error { let path: String }
}
