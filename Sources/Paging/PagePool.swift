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
///       ▲  ▲                                       │     │ ▲
///       │  └───────────────────────────────────────┘     │ │ retain
///       │         release the last reference             ▼ │
///       └────────────────────────────────────────  cached pages   those that `keep` named come here
///                         drop
/// ```
///
/// A page that is kept has worth without holders: the prefix cache knows what is in it.
///
/// Invariant: a page with references is held; one without is cached when it is kept and free otherwise; so
/// free + held + cached = total.
/// Every operation takes time linear in the pages it names.
public struct PagePool: ~Copyable {
  /// Tokens in a page; a power of two.
  public let pageSize: Int
  /// Pages in the pool: free, held or cached.
  public let pageCount: Int
  /// The free pages, used as a stack: the page freed last is still warm in the caches.
  var free: [PageID]
  /// How many holders each page has.   [pageCount]
  var references: [Int32]
  /// Whether the page goes to the cached ones when its last holder lets go.   [pageCount]
  var isKept: [Bool]
  /// Pages with at least one holder. Kept beside `free` so that the invariant can be checked.
  public internal(set) var heldCount = 0
  /// Pages that are kept and have no holder.
  public internal(set) var cachedCount = 0

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
    isKept = Array(repeating: false, count: pageCount)
  }

  /// Pages that nobody holds or keeps.
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

  /// Adds a holder to each of these held or cached pages.
  public mutating func retain(_ pages: [PageID]) {
    for page in pages {
      let index = Int(page)
      precondition(references[index] > 0 || isKept[index], "page \(page) is retained but nobody holds or keeps it")
      if references[index] == 0 {
        cachedCount -= 1
        heldCount += 1
      }
      references[index] += 1
    }
  }

  /// Takes a holder from each of these held pages; a page without holders is cached if it is kept, and free otherwise.
  public mutating func release(_ pages: [PageID]) {
    for page in pages {
      let index = Int(page)
      precondition(references[index] > 0, "page \(page) is released but nobody holds it")
      references[index] -= 1
      if references[index] > 0 { continue }
      heldCount -= 1
      if isKept[index] { cachedCount += 1 } else { free.append(page) }
    }
  }

  /// Notes that these held pages are to be cached when their last holders let go.
  public mutating func keep(_ pages: [PageID]) {
    for page in pages {
      precondition(references[Int(page)] > 0 && !isKept[Int(page)], "page \(page) is not held, or is kept already")
      isKept[Int(page)] = true
    }
  }

  /// Frees these cached pages.
  public mutating func drop(_ pages: [PageID]) {
    for page in pages {
      precondition(references[Int(page)] == 0 && isKept[Int(page)], "page \(page) is not cached")
      isKept[Int(page)] = false
      cachedCount -= 1
      free.append(page)
    }
  }

  /// How many holders the page has; 0 when it is free or cached.
  public func referenceCount(of page: PageID) -> Int { Int(references[Int(page)]) }

  /// Whether the page is cached, or will be when its last holder lets go.
  public func isKept(_ page: PageID) -> Bool { isKept[Int(page)] }
}
