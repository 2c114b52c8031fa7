import Glibc

/// An empty folder that is gone when the last reference to it goes.
public final class TemporaryFolder {
  public let path: String

  public init() throws {
    var template = Array("/tmp/swiftlet-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FolderError(description: "no temporary folder: errno \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.removeAll(path) }

  /// Puts a new file with these bytes in the folder, in place of one of the same name, followed by `holeBytes` zeros
  /// that take no room on the disk.
  ///
  /// A new file, so that what still maps the old one keeps seeing its bytes.
  /// - Returns: its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String, holeBytes: Int = 0) throws -> String {
    let path = path + "/" + name
    unlink(path)
    guard let file = fopen(path, "wb") else { throw FolderError(description: "\(path) cannot be written") }
    defer { fclose(file) }
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count, fflush(file) == 0 else {
      throw FolderError(description: "\(path) cannot be written")
    }
    if holeBytes > 0, ftruncate(fileno(file), bytes.count + holeBytes) != 0 {
      throw FolderError(description: "\(path) cannot be extended")
    }
    return path
  }

  @discardableResult
  public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  public func remove(_ name: String) { unlink(path + "/" + name) }

  public func makeFolder(_ name: String) -> String {
    mkdir(path + "/" + name, 0o755)
    return path + "/" + name
  }

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

public struct FolderError: Error, CustomStringConvertible { public let description: String }
