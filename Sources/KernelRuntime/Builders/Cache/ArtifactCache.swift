import Glibc
import Synchronization
import Traces

/// What builds left, by the hash of all that went into them: in memory, and on disk for the next process.
///
///     <root>/<language>/<hash>/sources/…      the solution's files
///                             /include/…      headers of ours
///                             /artifact.so    what the compiler made
///                             /record.json    what it is, and the artifact's SHA-256
///     <root>/<language>/<hash>.lock           held while building
///
/// An entry is built in a folder beside its place and renamed, so that it is whole or absent; one lock an entry makes
/// concurrent processes build once. An entry whose artifact is not what its record says is built again. Failed builds
/// are remembered in memory only.
public final class ArtifactCache: Sendable {
  /// The folder; made when something is built.
  public let root: String
  private let memory = Mutex<[String: Remembered]>([:])

  private enum Remembered: Sendable {
    case built(Artifact, CacheFiles.Stamp)
    case failed(KernelError)
  }

  public init(root: String) {
    var root = root
    while root.count > 1, root.hasSuffix("/") { root.removeLast() }
    self.root = root
  }

  /// A finished build.
  public struct Artifact: Sendable, Hashable {
    /// The entry's folder.
    public let folder: String
    /// The file that the build left, or the folder of the sources when they are used as they are.
    public let path: String
    public let hash: String
    /// Whether nothing had to be built.
    public internal(set) var isFromCache: Bool
    public var sourceFolder: String { folder + "/sources" }
  }

  /// The finished build of a recipe, from memory, from disk, or made now.
  /// - solution: a name for people, kept in the record.
  /// - lockLimit: how long another process may be at the same build.
  /// - build: makes `artifactName` in the folder that it is given; `sources/` and `include/` are there.
  /// - Throws: what `build` throws, also when it threw it before; `buildFailed` when the disk refuses.
  public func artifact(
    for recipe: BuildRecipe, solution: String, lockLimit: Duration = .seconds(600),
    build: (_ folder: String) throws(KernelError) -> Void
  ) throws(KernelError) -> Artifact {
    if let known = try remembered(recipe.hash) { return known }
    let language = recipe.language.rawValue
    guard ArtifactCache.isLanguageFolder(language) else {
      throw KernelError(.buildFailed, "the language \"\(language)\" cannot be a folder's name")
    }
    let place = "\(root)/\(language)/\(recipe.hash)"
    try CacheFiles.makeDirectory("\(root)/\(language)")
    let lock = try FileLock(place + ".lock", within: lockLimit)
    defer { withExtendedLifetime(lock) {} }
    if let known = try remembered(recipe.hash) { return known }
    var artifact = Artifact(
      folder: place, path: place + "/" + (recipe.artifactName ?? "sources"), hash: recipe.hash, isFromCache: true)
    if !isSound(artifact, recipe) {
      try make(recipe, at: place, solution: solution, build)
      artifact.isFromCache = false
    }
    if let stamp = CacheFiles.Stamp(artifact.path) { memory.withLock { $0[recipe.hash] = .built(artifact, stamp) } }
    return artifact
  }

  /// From memory, if the file is still the one that was checked.
  private func remembered(_ hash: String) throws(KernelError) -> Artifact? {
    switch memory.withLock({ $0[hash] }) {
    case .failed(let error): throw error
    case .built(var artifact, let stamp):
      artifact.isFromCache = true
      return CacheFiles.Stamp(artifact.path) == stamp ? artifact : nil
    case nil: return nil
    }
  }

  /// Whether the entry on disk is what its record says.
  private func isSound(_ artifact: Artifact, _ recipe: BuildRecipe) -> Bool {
    guard let record = ArtifactRecord(folder: artifact.folder), record.hash == recipe.hash else { return false }
    guard recipe.artifactName != nil else {
      return recipe.sources.allSatisfy { source in
        CacheFiles.read("\(artifact.sourceFolder)/\(source.path)").map { $0.elementsEqual(source.content.utf8) }
          ?? false
      }
    }
    guard let bytes = CacheFiles.read(artifact.path), bytes.count == record.artifactBytes else { return false }
    return SHA256.hexDigest(of: bytes) == record.artifactHash
  }

  private func make(
    _ recipe: BuildRecipe, at place: String, solution: String, _ build: (String) throws(KernelError) -> Void
  ) throws(KernelError) {
    for source in recipe.sources + recipe.headers {
      if let problem = BuildRecipe.problem(withPath: source.path) { throw KernelError(.buildFailed, problem) }
    }
    // We hold the lock: temporary folders of this entry belong to processes that are gone.
    let parent = CacheFiles.parent(of: place)
    for name in CacheFiles.names(in: parent) where name.hasPrefix(recipe.hash + ".tmp") {
      CacheFiles.remove("\(parent)/\(name)")
    }
    let folder = place + ".tmp\(getpid())"
    guard mkdir(folder, 0o777) == 0 else { throw CacheFiles.failure("make the folder", folder) }
    do throws(KernelError) {
      for (part, files) in [("sources", recipe.sources), ("include", recipe.headers)] where !files.isEmpty {
        for file in files {
          let path = "\(folder)/\(part)/\(file.path)"
          try CacheFiles.makeDirectory(CacheFiles.parent(of: path))
          try CacheFiles.write(file.content, to: path)
        }
      }
      do throws(KernelError) {
        try build(folder)
      } catch {
        memory.withLock { $0[recipe.hash] = .failed(error) }
        throw error
      }
      let record = try ArtifactRecord(recipe, solution: solution, folder: folder)
      try CacheFiles.write(record.json.pretty + "\n", to: folder + "/record.json")
      CacheFiles.remove(place)  // a damaged entry
      guard rename(folder, place) == 0 else { throw CacheFiles.failure("put the build at", place) }
    } catch {
      CacheFiles.remove(folder)
      throw error
    }
  }

  /// Drops what memory holds, remembered failures included.
  func forget() { memory.withLock { $0 = [:] } }

  /// Names that languages have, and that no other folder in a cache should.
  static func isLanguageFolder(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 64
      && name.utf8.allSatisfy {
        ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F || $0 == 0x2D || $0 == 0x2B
      }
  }
}
