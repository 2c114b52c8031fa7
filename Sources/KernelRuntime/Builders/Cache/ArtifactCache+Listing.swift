extension ArtifactCache {
  /// An entry on disk.
  public struct Entry: Sendable, Hashable {
    public let language: String
    public let hash: String
    /// The name of the solution that it was built for first; nil when the record cannot be read.
    public let solution: String?
    /// Of all its files.
    public let bytes: Int
    /// When it was built, ISO time in UTC; nil when the record cannot be read.
    public let date: String?
  }

  /// All entries on disk, by language and hash.
  public func list() -> [Entry] {
    folders { language, names in
      names.filter { Self.hashPrefix($0) == $0 }.map { name in
        let folder = "\(root)/\(language)/\(name)"
        let record = ArtifactRecord(folder: folder)
        return Entry(
          language: language, hash: name, solution: record?.solution, bytes: CacheFiles.byteCount(of: folder),
          date: record?.date)
      }
    }
  }

  /// Removes all entries, and what interrupted builds left; nothing else that may lie in the folder. What is loaded
  /// already stays usable, and entries that others are building now are waited for.
  /// - Returns: the entries that are gone.
  /// - Throws: `buildFailed` when a build takes longer than `lockLimit`.
  public func clear(lockLimit: Duration = .seconds(600)) throws(KernelError) -> [Entry] {
    let entries = list()
    let hashes = folders { language, names in Set(names.compactMap(Self.hashPrefix)).map { "\(root)/\(language)/\($0)" }
    }
    for place in hashes {
      let lock = try FileLock(place + ".lock", within: lockLimit)
      CacheFiles.remove(place)
      let parent = CacheFiles.parent(of: place), hash = place.dropFirst(parent.count + 1)
      for name in CacheFiles.names(in: parent) where name.hasPrefix(hash + ".tmp") {
        CacheFiles.remove("\(parent)/\(name)")
      }
      CacheFiles.remove(place + ".lock")
      withExtendedLifetime(lock) {}
    }
    forget()
    return entries
  }

  private func folders<T>(_ body: (_ language: String, _ names: [String]) -> [T]) -> [T] {
    CacheFiles.names(in: root).filter(Self.isLanguageFolder).flatMap { language in
      body(language, CacheFiles.names(in: "\(root)/\(language)"))
    }
  }

  /// The hash that a file of the cache begins with; nil when the file is none of ours.
  private static func hashPrefix(_ name: String) -> String? {
    let hash = name.prefix(64), rest = name.dropFirst(64)
    let isHash =
      hash.utf8.count == 64 && hash.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    return isHash && (rest.isEmpty || rest == ".lock" || rest.hasPrefix(".tmp")) ? String(hash) : nil
  }
}
