import Glibc

/// The files of a trace set's folders.
package enum FolderListing {
  /// Deeper folders are not entered.
  static let depthLimit = 64

  /// Whether a folder holds nothing.
  package static func isEmpty(_ folder: String) -> Bool { names(in: folder).isEmpty }

  /// Files whose names end in `suffix`, at any depth under `folder`, sorted by path components. Hidden ones are included;
  /// linked folders are not entered, linked files are listed.
  package static func files(under folder: String, suffix: String) -> [String] {
    var found: [[String]] = []
    collect(folder, [], suffix, &found)
    return found.sorted { $0.lexicographicallyPrecedes($1) }.map { folder + "/" + $0.joined(separator: "/") }
  }

  private static func collect(_ folder: String, _ components: [String], _ suffix: String, _ found: inout [[String]]) {
    guard components.count < depthLimit else { return }
    for name in names(in: folder) {
      let path = folder + "/" + name
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        collect(path, components + [name], suffix, &found)
      } else if name.hasSuffix(suffix) {
        found.append(components + [name])
      }
    }
  }

  private static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
