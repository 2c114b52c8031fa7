extension RadixTree {
  /// Calls `body` with every page, parents before their children: its salt, what `body` returned for the page before it
  /// (nil at the beginning of a prefix), its tokens and its number. O(pages).
  public func forEachPageInOrder<Place>(
    _ body: (_ salt: String, _ parent: Place?, _ tokens: ArraySlice<Int32>, _ page: PageID) throws -> Place
  ) rethrows {
    let isUnused = Set(unused)
    var below: [Int32: [Int32]] = [:]
    for (index, node) in nodes.enumerated() where !node.isRoot && !isUnused.contains(Int32(index)) {
      below[node.parent, default: []].append(Int32(index))
    }
    for (salt, root) in roots.sorted(by: { $0.key < $1.key }) {
      var pending: [(node: Int32, parent: Place?)] = below[root, default: []].map { ($0, nil) }
      while let next = pending.popLast() {
        var parent = next.parent
        for (offset, page) in nodes[Int(next.node)].pages.enumerated() {
          let tokens = nodes[Int(next.node)].tokens[offset << shift..<(offset + 1) << shift]
          parent = try body(salt, parent, tokens, page)
        }
        for child in below[next.node, default: []] { pending.append((child, parent)) }
      }
    }
  }
}

extension PrefixCache {
  /// Makes a free page the one that holds the last page of `tokens`, as if a sequence had computed it; it is cached. The
  /// caller fills it.
  /// - Parameter tokens: whole pages; all but the last are in the cache.
  /// - Returns: nil, and nothing happens, when the cache has it already, lacks what comes before it, or has no free page.
  public mutating func adopt(_ tokens: [Int32], salt: String) -> PageID? {
    guard isEnabled, !tokens.isEmpty, tokens.count % pool.pageSize == 0, pool.freeCount > 0 else { return nil }
    let before = tokens.count - pool.pageSize
    // One token more, so that all of these count as beginning; it is not looked at.
    let match = tree.longestMatch(of: tokens + [0], limit: tokens.count, salt: salt)
    guard match.tokenCount == before else { return nil }
    let locked = tree.lock(tokens, limit: before, salt: salt, priority: Int.min, time: lastTime)
    pool.retain(locked.pages)
    guard let page = pool.allocate(1)?.first else { return nil }
    var table = BlockTable(pageSize: pool.pageSize)
    table.append(locked.pages + [page])
    table.advance(by: tokens.count)
    var lease: PrefixLease? = PrefixLease(node: locked.node, tokenCount: before)
    publish(&lease, tokens, &table, priority: Int.min, time: lastTime)
    release(lease, &table, time: lastTime)
    return page
  }
}
