import PageStorage
import Paging

/// Where a prefix cache is kept while its engine does not run, and how to get at its pages.
public struct SavedCache {
  /// The file.
  public let path: String
  /// What pages depend on; a file that was written for something else is not used.
  public let header: CacheArchiveHeader
  /// A page's bytes, one region after the other.
  public let regions: (PageID) -> [UnsafeMutableRawBufferPointer]
  /// Told what was loaded, saved or refused.
  public let report: @Sendable (String) -> Void

  public init(
    path: String, header: CacheArchiveHeader, regions: @escaping (PageID) -> [UnsafeMutableRawBufferPointer],
    report: @escaping @Sendable (String) -> Void
  ) {
    (self.path, self.header, self.regions, self.report) = (path, header, regions, report)
  }
}

extension EngineLoop {
  /// Takes in the pages of the file, as many as there is room for. A file that is damaged or was written for something
  /// else is left alone; the engine then starts with an empty cache, and says so.
  mutating func loadCache() {
    guard let saved = runner.savedCache else { return }
    do {
      guard let pages = try SavedPages(saved) else { return }
      let count = try pages.adopt(into: &scheduler, saved)
      saved.report("\(count) of \(pages.count) pages of the prefix cache were loaded from \(saved.path)")
      publish()
    } catch {
      saved.report("the saved prefix cache is not used: \(error)")
    }
  }

  /// Writes the pages that requests could share to the file. Nothing is written when nothing is cached, and an older file
  /// stays when writing fails.
  func saveCache() {
    guard let saved = runner.savedCache else { return }
    guard !scheduler.hasForgottenPrefixes else {
      return saved.report("the prefix cache is not saved: kernels were switched since the start")
    }
    do {
      let writer = try CacheArchiveWriter(path: saved.path, header: saved.header)
      try scheduler.forEachSharedPage { (salt, parent: Int?, tokens, page) throws -> Int in
        try writer.append(
          parent: parent, salt: salt, tokens: Array(tokens),
          regions: saved.regions(page).map { UnsafeRawBufferPointer($0) })
      }
      try writer.finish()
      saved.report("\(writer.recordCount) pages of the prefix cache were saved to \(saved.path)")
    } catch {
      saved.report("the prefix cache is not saved: \(error)")
    }
  }
}
