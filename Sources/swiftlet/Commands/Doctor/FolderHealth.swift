import FoundationEssentials
import Glibc

/// Whether what swiftlet fetches and builds can be kept.
enum FolderHealth {
  static func lines(home: String, cache: String) -> [HealthLine] {
    [
      line("folder", home, fix: "make it writable, or set SWIFTLET_HOME"),
      line("folder of compiled solutions", cache, fix: "make it writable, or say --cache DIR"),
    ]
  }

  private static func line(_ subject: String, _ folder: String, fix: String) -> HealthLine {
    var isFolder = false
    if FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) {
      if !isFolder { return HealthLine(.error, subject, "\(folder) is no folder", fix: fix) }
      if access(folder, W_OK | X_OK) != 0 { return HealthLine(.error, subject, "\(folder) is not writable", fix: fix) }
      return HealthLine(.ok, subject, folder)
    }
    // It is made when it is needed: in the nearest folder above that there is.
    var parent = folder
    while !FileManager.default.fileExists(atPath: parent, isDirectory: &isFolder) {
      guard let slash = parent.lastIndex(of: "/") else {
        parent = "."
        break
      }
      parent = slash == parent.startIndex ? "/" : String(parent[..<slash])
    }
    if !isFolder && parent != "." {
      return HealthLine(.error, subject, "\(folder) cannot be made: \(parent) is no folder", fix: fix)
    }
    if access(parent, W_OK | X_OK) != 0 {
      return HealthLine(.error, subject, "\(folder) cannot be made: \(parent) is not writable", fix: fix)
    }
    return HealthLine(.ok, subject, "\(folder), not made yet")
  }
}
