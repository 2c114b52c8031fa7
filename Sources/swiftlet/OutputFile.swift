import ArgumentParser
import Glibc

/// Files that a user names for results.
enum OutputFile {
  /// Writes in place, so that links, pipes and devices (`/dev/stdout`) are what they were before.
  /// - option: named when it cannot be written.
  static func write(_ bytes: [UInt8], to path: String, option: String) throws {
    guard let file = fopen(path, "w") else {
      throw ValidationError("\(option): cannot write \(path): \(String(cString: strerror(errno)))")
    }
    let written = fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0, written == bytes.count else {
      throw ValidationError("\(option): cannot write all of \(path): \(String(cString: strerror(errno)))")
    }
  }
}
