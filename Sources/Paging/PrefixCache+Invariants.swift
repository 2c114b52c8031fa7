extension PrefixCache {
  /// Checks pool and tree, and the one against the other. O(pages + tokens); for tests.
  public func checkInvariants() throws(PrefixCacheViolation) {
    do { try pool.checkInvariants() } catch { throw PrefixCacheViolation(description: error.description) }
    try tree.checkInvariants()
    try secondLevel.checkInvariants()
    var isInTree = [Bool](repeating: false, count: pool.pageCount)
    for node in tree.nodes {
      for page in node.pages {
        guard !isInTree[Int(page)] else { throw PrefixCacheViolation(description: "page \(page) is in the tree twice") }
        isInTree[Int(page)] = true
        let references = pool.referenceCount(of: page)
        guard references == node.lockCount, pool.isKept(page) else {
          throw PrefixCacheViolation(
            description: "page \(page) has \(references) holders; its node has \(node.lockCount) locks")
        }
      }
    }
    for page in 0..<PageID(pool.pageCount) where pool.isKept(page) && !isInTree[Int(page)] {
      throw PrefixCacheViolation(description: "page \(page) is kept and not in the tree")
    }
    guard pool.cachedCount == tree.idlePageCount, isEnabled || tree.pageCount == 0 else {
      throw PrefixCacheViolation(description: "\(pool.cachedCount) pages are cached, \(tree.idlePageCount) idle")
    }
  }
}
