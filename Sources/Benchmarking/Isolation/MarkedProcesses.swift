import Glibc

/// Processes that have a certain line in their environment: everything that a worker started, and what that started, even
/// in a session of its own and after its parent's end.
enum MarkedProcesses {
  /// A line that no other process has.
  static func newMark() -> String { "SWIFTLET_WORKER=" + String(UInt64.random(in: 0...UInt64.max), radix: 16) }

  /// Their numbers, without this process.
  static func all(_ mark: String) -> [pid_t] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var found: [pid_t] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let process = pid_t(name), process != getpid() else { continue }
      if environment(of: process).contains(mark[...]) { found.append(process) }
    }
    return found
  }

  private static func environment(of process: pid_t) -> [Substring] {
    guard let file = fopen("/proc/\(process)/environ", "r") else { return [] }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\0")
  }

  /// Kills them, until a look around finds none; they might start others meanwhile.
  static func kill(_ mark: String) {
    for _ in 0..<10 {
      let found = all(mark)
      if found.isEmpty { return }
      for process in found { Glibc.kill(process, SIGKILL) }
      usleep(2000)
    }
  }
}
