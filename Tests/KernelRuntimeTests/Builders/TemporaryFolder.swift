import Glibc

/// A folder that is removed when this object goes.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/swiftlet-test-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  deinit { remove() }

  func remove() { _ = try? runShell("rm -rf \"$1\"", path) }

  /// Writes a file, which may be made executable.
  @discardableResult func write(_ text: String, to name: String, executable: Bool = false) -> String {
    let file = fopen("\(path)/\(name)", "w")
    fputs(text, file)
    fclose(file)
    if executable { chmod("\(path)/\(name)", 0o755) }
    return "\(path)/\(name)"
  }

  func lines(of name: String) -> [String] {
    ((try? runShell("cat \"$1\"", "\(path)/\(name)")) ?? "").split(separator: "\n").map(String.init)
  }
}
