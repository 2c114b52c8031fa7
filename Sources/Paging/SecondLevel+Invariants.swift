extension SecondLevel {
  /// Checks slots, entries and queue against each other. O(slots + entries); for tests.
  public func checkInvariants() throws(PrefixCacheViolation) {
    func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(PrefixCacheViolation) {
      if !holds { throw PrefixCacheViolation(description: "second level: " + sentence()) }
    }
    do { try slots.checkInvariants() } catch { throw PrefixCacheViolation(description: error.description) }
    var childCounts = [Int](repeating: 0, count: entries.count)
    var (cached, filed, rootCount) = (0, 0, 0)
    let isUnused = Set(unused)
    for (index, entry) in entries.enumerated() where !isUnused.contains(Int32(index)) {
      if entry.parent < 0 {
        rootCount += 1
        try require(roots[entry.salt] == Int32(index) && entry.slot < 0, "root \(index) is not filed")
      } else {
        filed += 1
        childCounts[Int(entry.parent)] += 1
        try require(entry.depth == entries[Int(entry.parent)].depth + 1, "entry \(index) has depth \(entry.depth)")
      }
      guard entry.slot >= 0 else { continue }
      cached += 1
      try require(owners[Int(entry.slot)] == Int32(index), "slot \(entry.slot) is not entry \(index)'s")
      try require(queue.contains(Int32(index)), "entry \(index) cannot be evicted")
    }
    for (index, entry) in entries.enumerated() where !isUnused.contains(Int32(index)) {
      try require(entry.childCount == childCounts[index], "entry \(index) counts \(entry.childCount) children")
      try require(entry.slot >= 0 || entry.childCount > 0, "entry \(index) leads nowhere")
    }
    try require(rootCount == roots.count && filed == children.count, "\(filed) entries, \(children.count) in the table")
    try require(
      cached == slots.cachedCount && cached == queue.count && queue.isConsistent, "\(cached) slots are cached")
  }
}
