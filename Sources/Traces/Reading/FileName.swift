/// Names and paths from documents that become names and paths on disk.
enum FileName {
  /// Longer names do not fit into a directory entry once a suffix is added.
  static let byteLimit = 200

  /// Why `name` cannot be one component of a path; nil if it can.
  static func problem(with name: String) -> String? {
    if name == "." || name == ".." { return "\"\(name)\" cannot be a file name" }
    if name.utf8.count > byteLimit { return "a name becomes a file name: at most \(byteLimit) bytes" }
    for scalar in name.unicodeScalars {
      if scalar == "/" || scalar == "\\" { return "a name becomes a file name: '\(scalar)' is not allowed in it" }
      if scalar.value < 0x20 || scalar.value == 0x7F { return "a name becomes a file name: no control characters" }
    }
    return nil
  }

  /// Why `path` cannot name a source file of a solution; nil if it can.
  static func problem(withSourcePath path: String) -> String? {
    if path.hasPrefix("/") || path.hasPrefix("\\") || isDrive(path) {
      return "Invalid source path (absolute path not allowed): \"\(path)\""
    }
    let components = path.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }
    if components.contains("..") {
      return "Invalid source path (parent directory traversal not allowed): \"\(path)\""
    }
    if path.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
      return "Invalid source path (control character): expected a printable relative path"
    }
    if components.last == "" || components.last == "." { return "Invalid source path (names no file): \"\(path)\"" }
    return nil
  }

  private static func isDrive(_ path: String) -> Bool {
    let head = path.utf8.prefix(2)
    guard head.count == 2, head.last == 0x3A, let letter = head.first else { return false }
    return (0x41...0x5A).contains(letter & 0xDF)
  }
}
