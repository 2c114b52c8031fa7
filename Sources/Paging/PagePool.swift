/// The index of one page of KV memory.
public typealias PageID = Int32

/// Why a page pool cannot be made.
public enum PagingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The page size is not a power of two.
  case pageSizeNotPowerOfTwo(Int)
  /// There must be at least one page, and every slot (page × size) must have an Int32 index.
  case pageCountOutOfRange(pageCount: Int, pageSize: Int)

  public var description: String {
    switch self {
    case .pageSizeNotPowerOfTwo(let size): "the page size is \(size) tokens; it must be a power of two, at least 1"
    case .pageCountOutOfRange(let count, let size):
      "\(count) pages of \(size) tokens; the page count must be from 1 to \(Int(Int32.max) / size)"
    }
  }
}

/// Counts who holds which page of a fixed number of equal pages.
///
/// The pool knows nothing of memory or tensors: it hands out page numbers, and whoever holds a number may use the
/// page's `pageSize` token slots in every layer.
///
/// ```
///                allocate(n)  [references = 1]                  retain   references + 1
///   free pages ───────────────────────────────►  held pages  ◄──────────────────────────── a second holder
///       ▲                                            │
///       └────────────────────────────────────────────┘  release   references − 1; free again at 0
/// ```
///
/// Invariant: a page is free exactly when nobody refers to it, so free + held = total.
/// Every operation takes time linear in the pages it names.
public struct PagePool: ~Copyable {
  /// Tokens in a page; a power of two.
  public let pageSize: Int
  /// Pages in the pool, free or held.
  public let pageCount: Int
  /// The free pages, used as a stack: the page freed last is still warm in the caches.
  var free: [PageID]
  /// How many holders each page has.   [pageCount]
  var references: [Int32]
  /// Pages with at least one holder. Kept beside `free` so that the invariant can be checked.
  public internal(set) var heldCount = 0

  /// A pool whose pages are all free.
  /// - Throws: `PagingError` when the sizes are out of range.
  public init(pageCount: Int, pageSize: Int) throws(PagingError) {
    guard pageSize > 0, pageSize & (pageSize - 1) == 0, pageSize <= Int(Int32.max) else {
      throw .pageSizeNotPowerOfTwo(pageSize)
    }
    guard pageCount > 0, pageCount <= Int(Int32.max) / pageSize else {
      throw .pageCountOutOfRange(pageCount: pageCount, pageSize: pageSize)
    }
    (self.pageCount, self.pageSize) = (pageCount, pageSize)
    free = (0..<PageID(pageCount)).reversed()
    references = Array(repeating: 0, count: pageCount)
  }

  /// Pages that nobody holds.
  public var freeCount: Int { free.count }

  /// Pages needed for `tokens` tokens.
  public func pages(for tokens: Int) -> Int {
    tokens / pageSize + (tokens % pageSize == 0 ? 0 : 1)
  }

  /// Takes `count` pages with one reference each, or none at all when fewer are free.
  public mutating func allocate(_ count: Int) -> [PageID]? {
    precondition(count >= 0, "cannot allocate \(count) pages")
    guard count <= free.count else { return nil }
    let taken = Array(free.suffix(count).reversed())
    free.removeLast(count)
    for page in taken { references[Int(page)] = 1 }
    heldCount += count
    return taken
  }

  /// Adds a holder to each of these held pages.
  public mutating func retain(_ pages: some Sequence<PageID>) {
    for page in pages {
      precondition(references[Int(page)] > 0, "page \(page) is retained but nobody holds it")
      references[Int(page)] += 1
    }
  }

  /// Takes a holder from each of these held pages; a page without holders is free.
  public mutating func release(_ pages: some Sequence<PageID>) {
    for page in pages {
      precondition(references[Int(page)] > 0, "page \(page) is released but nobody holds it")
      references[Int(page)] -= 1
      if references[Int(page)] == 0 {
        free.append(page)
        heldCount -= 1
      }
    }
  }

  /// How many holders the page has; 0 when it is free.
  public func referenceCount(of page: PageID) -> Int { Int(references[Int(page)]) }
}
