/// A kernel that was compiled for one definition and one target: a folder with `launch.json` and its images.
public struct KernelArtifact: Sendable, Hashable {
  public let folder: String
  public let record: LaunchRecord
  /// Whether nothing had to be compiled.
  public let isFromCache: Bool

  /// Reads a folder.
  /// - Throws: `buildFailed` when the record cannot be read, is wrong, or names an image that is not there.
  public init(folder: String, isFromCache: Bool = true) throws(KernelError) {
    guard let bytes = CacheFiles.read(folder + "/launch.json", limit: 16 << 20) else {
      throw KernelError(.buildFailed, "\(folder) has no launch.json that can be read")
    }
    do throws(LaunchRecordError) {
      record = try LaunchRecord(json: bytes)
    } catch {
      throw KernelError(.buildFailed, "\(folder)/launch.json: \(error)")
    }
    (self.folder, self.isFromCache) = (folder, isFromCache)
    for image in images where CacheFiles.Stamp(folder + "/" + image)?.size ?? 0 == 0 {
      throw KernelError(.buildFailed, "\(folder) has no \(image), which its launch.json names")
    }
  }

  /// The files of its functions, without repeats.
  public var images: [String] {
    var found: [String] = []
    for image in record.launches.compactMap({ $0.image ?? record.image }) where !found.contains(image) {
      found.append(image)
    }
    return found
  }
}

/// Artifacts by what they are for, in a folder that `swiftlet kernels build --out` filled: what a machine that serves needs,
/// without compilers.
public struct KernelArtifactFolder: Sendable {
  public let root: String
  /// By solution, definition and target.
  private let folders: [Key: String]
  /// Entries that cannot be used, with the reason.
  public let problems: [String]

  private struct Key: Hashable { let solution: String, definition: String, target: String }

  /// Reads every `<root>/<hash>/launch.json`.
  public init(root: String) {
    var folders: [Key: String] = [:], problems: [String] = []
    for name in CacheFiles.names(in: root) where CacheFiles.isDirectory("\(root)/\(name)") {
      do throws(KernelError) {
        let artifact = try KernelArtifact(folder: "\(root)/\(name)")
        let record = artifact.record
        folders[Key(solution: record.solution, definition: record.definition, target: record.target)] = artifact.folder
      } catch {
        problems.append(error.reason)
      }
    }
    (self.root, self.folders, self.problems) = (root, folders, problems)
  }

  public var count: Int { folders.count }

  func artifact(_ solution: String, _ definition: String, _ target: String) throws(KernelError) -> KernelArtifact? {
    guard let folder = folders[Key(solution: solution, definition: definition, target: target)] else { return nil }
    return try KernelArtifact(folder: folder)
  }

  /// What there is for a definition.
  func solutions(of definition: String) -> [String] {
    Set(folders.keys.filter { $0.definition == definition }.map(\.solution)).sorted()
  }

  /// The records of all.
  public var artifacts: [KernelArtifact] {
    folders.values.sorted().compactMap { try? KernelArtifact(folder: $0) }
  }
}
