/// A broken promise of a `RadixTree` or `PrefixCache`: a fault in the program, never in its input.
public struct PrefixCacheViolation: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
}

extension RadixTree {
  /// Checks every node against its parent, its children, the table and the queue. O(tokens); for tests.
  public func checkInvariants() throws(PrefixCacheViolation) {
    func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(PrefixCacheViolation) {
      if !holds { throw PrefixCacheViolation(description: sentence()) }
    }
    var childCounts = [Int](repeating: 0, count: nodes.count)
    var locksBelow = [Int](repeating: 0, count: nodes.count)
    var isUnused = [Bool](repeating: false, count: nodes.count)
    for node in unused { isUnused[Int(node)] = true }
    for (index, node) in nodes.enumerated() where !isUnused[index] && !node.isRoot {
      try require(!isUnused[Int(node.parent)], "node \(index) hangs on \(node.parent), which is not in use")
      childCounts[Int(node.parent)] += 1
      locksBelow[Int(node.parent)] += node.lockCount
    }
    var (pages, idle, inTable, inQueue, rootCount) = (0, 0, 0, 0, 0)
    for (index, node) in nodes.enumerated() where !isUnused[index] {
      let isLeaf = node.childCount == 0
      try require(node.childCount == childCounts[index], "node \(index) counts \(node.childCount) children")
      try require(node.lockCount >= locksBelow[index], "node \(index) has \(node.lockCount) locks, below it are more")
      try require(node.tokens.count == node.pages.count * pageSize, "node \(index) has \(node.tokens.count) tokens")
      pages += node.pages.count
      if node.lockCount == 0 { idle += node.pages.count }
      if node.isRoot {
        rootCount += 1
        try require(node.pages.isEmpty && roots[node.salt] == Int32(index), "root \(index) is not filed")
        try require(!isLeaf || node.lockCount > 0, "root \(index) should have gone")
        continue
      }
      inTable += 1
      try require(!node.pages.isEmpty, "node \(index) is empty")
      let found = child(of: node.parent, node.tokens, from: 0, end: pageSize)
      try require(found == Int32(index), "node \(index) is not found; \(found.map(String.init) ?? "none") is")
      let isEvictable = isLeaf && node.lockCount == 0
      if isEvictable { inQueue += 1 }
      let key = queue.key(of: Int32(index))
      try require(key == (isEvictable ? policy.key(of: node) : nil), "node \(index) is wrongly queued")
    }
    try require(pages == pageCount && idle == idlePageCount, "\(pages) pages, \(idle) idle; the tree says otherwise")
    try require(inTable == children.count, "\(inTable) nodes, \(children.count) in the table")
    try require(inQueue == queue.count && queue.isConsistent, "\(inQueue) leaves, \(queue.count) in the queue")
    try require(rootCount == roots.count, "\(rootCount) roots, \(roots.count) filed")
  }

  /// Every page in the tree with the lock count of its node and the tokens from the root to its end. For tests.
  public func forEachPage(_ body: (_ salt: String, _ prefix: [Int32], _ page: PageID, _ locks: Int) -> Void) {
    let isUnused = Set(unused)
    for (index, node) in nodes.enumerated() where !isUnused.contains(Int32(index)) && !node.isRoot {
      var runs: [[Int32]] = []
      var at = Int(node.parent)
      while !nodes[at].isRoot {
        runs.append(nodes[at].tokens)
        at = Int(nodes[at].parent)
      }
      let above = Array(runs.reversed().joined())
      for (offset, page) in node.pages.enumerated() {
        body(nodes[at].salt, above + node.tokens[..<((offset + 1) << shift)], page, node.lockCount)
      }
    }
  }
}
