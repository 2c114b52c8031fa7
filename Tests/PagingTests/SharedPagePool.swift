import Paging

/// A pool in a class: the macros of Swift Testing take copies of what they look at, and a `PagePool` has none.
final class SharedPagePool {
  private var pool: PagePool

  init(pageCount: Int, pageSize: Int) throws(PagingError) {
    pool = try PagePool(pageCount: pageCount, pageSize: pageSize)
  }

  var freeCount: Int { pool.freeCount }
  var heldCount: Int { pool.heldCount }

  func allocate(_ count: Int) -> [PageID]? { pool.allocate(count) }
  func retain(_ pages: [PageID]) { pool.retain(pages) }
  func release(_ pages: [PageID]) { pool.release(pages) }
  func referenceCount(of page: PageID) -> Int { pool.referenceCount(of: page) }
  func checkInvariants() throws { try pool.checkInvariants() }
}
