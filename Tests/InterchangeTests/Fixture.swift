import Glibc
import JSONText

/// Files below `Tests/Fixtures`.
enum Fixture {
  static let root: String = {
    var components = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    components.removeLast(2)
    return components.joined(separator: "/") + "/Fixtures"
  }()

  struct Missing: Error { let path: String }

  static func bytes(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Missing(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  static func json(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: String(decoding: bytes(root + "/" + name), as: UTF8.self))
  }

  /// Paths of all files below `folder`, relative to it, sorted.
  static func files(below folder: String, _ prefix: String = "") throws -> [String] {
    guard let directory = opendir(folder + "/" + prefix) else { throw Missing(path: folder + "/" + prefix) }
    defer { closedir(directory) }
    var result: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name == "." || name == ".." { continue }
      if entry.pointee.d_type == UInt8(DT_DIR) {
        result += try files(below: folder, prefix + name + "/")
      } else {
        result.append(prefix + name)
      }
    }
    return result.sorted()
  }
}

/// An empty folder that is gone when the test is over.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/interchange-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Fixture.Missing(path: "a temporary folder") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.removeAll(path) }

  private static func removeAll(_ path: String) {
    for file in (try? Fixture.files(below: path)) ?? [] {
      unlink(path + "/" + file)
      // Folders go as they become empty.
      var folder = file
      while let slash = folder.lastIndex(of: "/") {
        folder = String(folder[..<slash])
        rmdir(path + "/" + folder)
      }
    }
    rmdir(path)
  }
}
