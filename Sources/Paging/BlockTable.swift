/// Maps the positions of one sequence to slots of KV memory, page by page.
///
/// ```
///   page size 4, 6 tokens            pages = [7, 2]
///   position   0   1   2   3 │  4   5   –   –
///   slot      28  29  30  31 │  8   9
///                               └ lastPageLength = 2
/// ```
///
/// The table owns no memory: the pages in it are references that its owner took from a `PagePool`, and the pages that
/// `truncate` and `removeAll` return are the owner's to release.
///
/// Invariant: 0 ≤ tokenCount ≤ pages.count × pageSize.
public struct BlockTable: Sendable {
  /// Tokens in a page; a power of two.
  public let pageSize: Int
  /// The pages in the order of the positions they hold.
  public internal(set) var pages: [PageID] = []
  /// Positions whose keys and values are in the pages.
  public private(set) var tokenCount = 0
  private let shift: Int

  /// An empty table. `pageSize` is that of the pool, a power of two.
  public init(pageSize: Int) {
    precondition(pageSize > 0 && pageSize & (pageSize - 1) == 0, "page size \(pageSize) is not a power of two")
    self.pageSize = pageSize
    shift = pageSize.trailingZeroBitCount
  }

  /// Tokens that the pages can hold.
  public var capacity: Int { pages.count << shift }

  /// Tokens in the last page that has any: 1...pageSize, or 0 in an empty table.
  public var lastPageLength: Int { tokenCount == 0 ? 0 : (tokenCount - 1) & (pageSize - 1) + 1 }

  /// Pages missing for a total of `tokens` tokens.
  public func missingPages(for tokens: Int) -> Int {
    max(0, (tokens >> shift) + (tokens & (pageSize - 1) == 0 ? 0 : 1) - pages.count)
  }

  /// The slot of a position within the pages, filled or not.
  public func slot(of position: Int) -> Int {
    Int(pages[position >> shift]) << shift | position & (pageSize - 1)
  }

  /// Adds pages at the end; the table now holds their references.
  public mutating func append(_ newPages: [PageID]) { pages += newPages }

  /// Notes that `count` further positions have been filled.
  public mutating func advance(by count: Int) {
    precondition(count >= 0 && tokenCount + count <= capacity, "\(tokenCount) + \(count) tokens exceed \(capacity)")
    tokenCount += count
  }

  /// Keeps the first `tokens` tokens and the pages they need.
  /// - Returns: the pages that are no longer needed, for the owner to release.
  public mutating func truncate(to tokens: Int) -> [PageID] {
    precondition((0...tokenCount).contains(tokens), "cannot keep \(tokens) of \(tokenCount) tokens")
    tokenCount = tokens
    let kept = (tokens >> shift) + (tokens & (pageSize - 1) == 0 ? 0 : 1)
    defer { pages.removeSubrange(kept...) }
    return Array(pages[kept...])
  }

  /// Empties the table.
  /// - Returns: all its pages, for the owner to release.
  public mutating func removeAll() -> [PageID] { truncate(to: 0) }
}
