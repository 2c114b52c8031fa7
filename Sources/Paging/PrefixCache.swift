/// What one sequence has of the prefix cache: the whole pages at its beginning that are in the tree and locked for it.
public struct PrefixLease: Sendable, Hashable {
  let node: RadixNodeID
  /// Tokens of the locked prefix, a multiple of the page size.
  public let tokenCount: Int
}

/// Owns all pages, and keeps those whose tokens it knows until others need them.
///
/// ```
///   tokens     │ found ───────│ computed since ─────────────│ to come ──
///   pages      │ 7 │ 2 │ 3 │ 9 │ 4 │ 8 │
///              │ shared ──────│ shared ──│ own │
///              └ acquire      └ publish: whole pages enter the tree as soon as they are full
///
///   release:   own pages are free, shared ones stay in the tree: held by others, or cached
///   allocate:  takes free pages, and evicts cached ones when those do not suffice
/// ```
///
/// A sequence that publishes a page whose tokens the tree has already (two computed the same at the same time) gets the
/// tree's page in its table and its own is free: keys and values depend on nothing but the tokens up to their own, so
/// the two pages hold the same. A page in the tree is never written again.
///
/// Invariant: free + held + cached pages = total; a page of the tree has as many holders as its node has locks; a page
/// is cached exactly when it is in the tree and not locked.
public struct PrefixCache: ~Copyable {
  /// Who holds which page.
  public internal(set) var pool: PagePool
  /// Which tokens are in which page.
  public internal(set) var tree: RadixTree
  /// Whether pages are kept at all.
  public let isEnabled: Bool
  /// Where pages go that KV memory has no room for.
  public internal(set) var secondLevel: SecondLevel
  /// Whether evicted pages go to the second level. The caller knows what a copy costs, and what computing a page again.
  public var savesEvictedPages = true
  /// Copies that were decided and not yet taken.
  var copies: [PageCopy] = []
  /// The latest time that anybody told.
  var lastTime = 0
  /// What was found and evicted so far.
  public internal(set) var statistics = PrefixCacheStatistics()

  /// A cache whose pages are all free. One that is not enabled finds nothing and keeps nothing.
  /// - Parameter slotCount: pages that the second level holds; 0 for none.
  /// - Throws: `PagingError` when the sizes are out of range.
  public init(
    pageCount: Int, pageSize: Int, policy: EvictionPolicy = .leastRecentlyUsed, isEnabled: Bool = true,
    slotCount: Int = 0
  ) throws(PagingError) {
    let pages = try PagePool(pageCount: pageCount, pageSize: pageSize)
    let level = try SecondLevel(slotCount: slotCount, pageSize: pageSize)
    pool = pages
    secondLevel = level
    tree = RadixTree(pageSize: pageSize, policy: policy)
    self.isEnabled = isEnabled
  }

  /// Pages that `allocate` can hand out: free ones and those that it may evict.
  public var availablePages: Int { pool.freeCount + pool.cachedCount }
  /// Pages whose tokens are known, held or not.
  public var treePages: Int { tree.pageCount }

  /// What `acquire` would find, and how many of the pages found are not held by anybody now. Changes nothing.
  public func match(_ tokens: [Int32], salt: String) -> RadixTree.Match {
    isEnabled ? tree.longestMatch(of: tokens, limit: tokens.count - 1, salt: salt) : RadixTree.Match()
  }

  /// The nodes on which the prefix lies that `acquire` would find, from the top, and its length; for ordering requests
  /// by what they share.
  public func path(of tokens: [Int32], salt: String) -> (nodes: [RadixNodeID], tokenCount: Int) {
    isEnabled ? tree.path(of: tokens, limit: tokens.count - 1, salt: salt) : ([], 0)
  }

  /// Finds the longest prefix of `tokens` that is in whole pages and shorter than all of them, so that at least one is
  /// left to compute, and holds its pages. Pages that follow in the second level are loaded into pages of the sequence's
  /// own, as far as there are any: they are in the table, but not covered by the lease until they are published.
  /// - Parameters:
  ///   - salt: prefixes that were published under another salt are not found.
  ///   - priority: for the policy of that name.
  ///   - time: a counter that never goes back.
  ///   - isCounted: whether the statistics count it.
  /// - Returns: a table with the pages found, and the lease to be handed to `publish` and `release`; nil when the cache
  ///   is not enabled.
  public mutating func acquire(
    _ tokens: [Int32], salt: String, priority: Int, time: Int, isCounted: Bool = true
  ) -> (table: BlockTable, lease: PrefixLease?) {
    var table = BlockTable(pageSize: pool.pageSize)
    lastTime = max(lastTime, time)
    guard isEnabled else { return (table, nil) }
    let locked = tree.lock(tokens, limit: tokens.count - 1, salt: salt, priority: priority, time: time)
    pool.retain(locked.pages)
    table.append(locked.pages)
    table.advance(by: locked.tokenCount)
    loadFound(tokens, salt: salt, &table, time: time)
    if isCounted { statistics.count(found: table.tokenCount, of: tokens.count) }
    return (table, PrefixLease(node: locked.node, tokenCount: locked.tokenCount))
  }

  /// Lets others share the whole pages that the table's owner has filled since.
  /// - Parameters:
  ///   - lease: covers them afterwards. Without one, nothing happens.
  ///   - tokens: the sequence's; the first `table.tokenCount` of them are used.
  ///   - table: its pages; duplicates are exchanged for the tree's.
  public mutating func publish(
    _ lease: inout PrefixLease?, _ tokens: [Int32], _ table: inout BlockTable, priority: Int, time: Int
  ) {
    guard let held = lease else { return }
    let (start, end) = (held.tokenCount, table.tokenCount & ~(pool.pageSize - 1))
    guard start < end else { return }
    let (node, duplicates) = tree.extend(
      held.node, tokens, from: start, to: end, pages: &table.pages, priority: priority, time: time)
    // Where the tree had a page already, the table has got that one, in the place of a duplicate.
    let entered = table.pages[start / pool.pageSize..<end / pool.pageSize]
    pool.retain(entered.filter { pool.isKept($0) })
    pool.keep(entered.filter { !pool.isKept($0) })
    pool.release(duplicates)
    statistics.sharedDuplicates += duplicates.count
    lease = PrefixLease(node: node, tokenCount: end)
  }

  /// Lets go of a sequence's pages: those that were published stay for others to find.
  public mutating func release(_ lease: PrefixLease?, _ table: inout BlockTable, time: Int) {
    lastTime = max(lastTime, time)
    pool.release(table.removeAll())
    if let lease { tree.unlock(lease.node, time: time) }
  }

  /// Takes `count` pages with one reference each; cached pages are evicted when too few are free.
  /// - Returns: nil, and nothing is changed, when more are wanted than `availablePages`.
  public mutating func allocate(_ count: Int) -> [PageID]? {
    guard count <= availablePages else { return nil }
    if count > pool.freeCount { evict(count - pool.freeCount) }
    return pool.allocate(count)
  }

  /// Frees cached pages in the order of the policy, `count` of them or all there are. Their bytes go to the second level,
  /// if there is one and `savesEvictedPages` says so.
  /// - Returns: how many were freed.
  @discardableResult public mutating func evict(_ count: Int) -> Int {
    let evicted: [PageID]
    if secondLevel.isEnabled, savesEvictedPages {
      var runs: [EvictedRun] = []
      evicted = tree.evict(count) { runs.append($0) }
      for run in runs { save(run) }
    } else {
      evicted = tree.evict(count)
    }
    pool.drop(evicted)
    statistics.evictedPages += evicted.count
    return evicted.count
  }

  /// Forgets every prefix that nobody holds, in both levels.
  /// - Returns: how many pages of KV memory were freed.
  @discardableResult public mutating func clear() -> Int {
    secondLevel.clear()
    let saves = savesEvictedPages
    savesEvictedPages = false
    defer { savesEvictedPages = saves }
    return evict(.max)
  }
}
