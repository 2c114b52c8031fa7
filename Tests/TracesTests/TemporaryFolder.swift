import Glibc

/// An empty folder that is gone when the test is over.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/traces-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FixtureFiles.Missing(path: "a temporary folder") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Writes a file below the folder.
  func write(_ text: String, to name: String) throws {
    var folder = path
    for component in name.split(separator: "/").dropLast() {
      folder += "/" + component
      mkdir(folder, 0o755)
    }
    guard let file = fopen(path + "/" + name, "wb") else { throw FixtureFiles.Missing(path: name) }
    defer { fclose(file) }
    let bytes = Array(text.utf8)
    fwrite(bytes, 1, bytes.count, file)
  }

  func text(_ name: String) throws -> String {
    String(decoding: try FixtureFiles.bytes(path + "/" + name), as: UTF8.self)
  }

  deinit { Self.removeAll(path) }

  private static func removeAll(_ path: String) {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var status = stat()
        guard name != ".", name != "..", lstat(path + "/" + name, &status) == 0 else { continue }
        if status.st_mode & S_IFMT == S_IFDIR { removeAll(path + "/" + name) } else { unlink(path + "/" + name) }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}
