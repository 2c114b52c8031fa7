import Glibc

/// The threads of another process, counted from outside: nothing that runs there can hide one.
enum ThreadCensus {
  /// Thread numbers; empty when the process is gone.
  static func threads(of process: pid_t) -> Set<Int> {
    guard let folder = opendir("/proc/\(process)/task") else { return [] }
    defer { closedir(folder) }
    var found: Set<Int> = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let number = Int(name) { found.insert(number) }
    }
    return found
  }
}
