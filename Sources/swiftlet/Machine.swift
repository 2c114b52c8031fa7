import FoundationEssentials
import Glibc

/// What this machine has.
enum Machine {
  /// Bytes that can be used without swapping, as the kernel estimates it.
  static var availableMemory: Int {
    guard let data = FileManager.default.contents(atPath: "/proc/meminfo"),
      let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first(where: {
        $0.hasPrefix("MemAvailable:")
      }),
      let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return 4 << 30 }
    return kilobytes << 10
  }

  /// Where temporary files belong.
  static var temporaryFolder: String { ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp" }

  /// Differs between two builds of this program: its version, size and time.
  static var programMark: String {
    var facts = stat()
    guard stat("/proc/self/exe", &facts) == 0 else { return Version.text }
    return "\(Version.text) \(facts.st_size) \(facts.st_mtim.tv_sec).\(facts.st_mtim.tv_nsec)"
  }
}

enum MachineDescription {
  /// The processor's name as Linux tells it.
  static var processor: String {
    guard let data = FileManager.default.contents(atPath: "/proc/cpuinfo") else { return "unknown" }
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = line?.split(separator: ":", maxSplits: 1).last.map { $0.drop { $0 == " " } }
    return name.map(String.init) ?? "unknown"
  }
}
