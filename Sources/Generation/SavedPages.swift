import Glibc
import PageStorage
import Scheduling
import Tokenization

/// The pages of a verified cache file, on their way into a scheduler's cache.
struct SavedPages {
  private let reader: CacheArchiveReader
  var count: Int { reader.recordCount }

  /// Opens and verifies the file.
  /// - Returns: nil when there is none.
  /// - Throws: `PageStorageError` when it is damaged or was written for something else.
  init?(_ saved: SavedCache) throws(PageStorageError) {
    guard access(saved.path, F_OK) == 0 else { return nil }
    reader = try CacheArchiveReader(path: saved.path)
    try reader.verify(expecting: saved.header)
  }

  /// Fills free pages. A page whose parent was not taken is left out.
  /// - Returns: how many pages were taken.
  func adopt(into scheduler: inout Scheduler, _ saved: SavedCache) throws -> Int {
    // Of each page the tokens of its own and its parent's number: the prefix is put together when it is needed.
    var tokens: [[TokenID]] = [], parents: [Int?] = [], salts: [String] = []
    var taken = 0
    try reader.forEachRecord { page in
      tokens.append(Array(page.tokens))
      parents.append(page.parent)
      salts.append(page.parent.map { salts[$0] } ?? page.salt)
      var runs: [[TokenID]] = []
      var at: Int? = page.index
      while let index = at {
        runs.append(tokens[index])
        at = parents[index]
      }
      if let target = scheduler.adopt(Array(runs.reversed().joined()), salt: salts[page.index]) {
        var offset = 0
        for region in saved.regions(target) {
          region.copyMemory(from: UnsafeRawBufferPointer(rebasing: page.bytes[offset..<offset + region.count]))
          offset += region.count
        }
        taken += 1
      }
      return scheduler.freePages > 0
    }
    return taken
  }
}
