/// Which cached prefix is given up first when pages are needed. Raw values are the names of the command line.
public enum EvictionPolicy: String, Sendable, Hashable, CaseIterable {
  /// The one that was not used for the longest time.
  case leastRecentlyUsed = "lru"
  /// The one used by the fewest requests; of equals the least recently used.
  case leastFrequentlyUsed = "lfu"
  /// The one that entered first.
  case firstInFirstOut = "fifo"
  /// The one of the lowest priority; of equals the least recently used.
  case priority

  /// The value by which leaves are ordered: the smallest goes first.
  func key(of node: borrowing RadixNode) -> EvictionKey {
    switch self {
    case .leastRecentlyUsed: EvictionKey(first: node.lastUse, second: node.uses)
    case .leastFrequentlyUsed: EvictionKey(first: node.uses, second: node.lastUse)
    case .firstInFirstOut: EvictionKey(first: node.created, second: node.lastUse)
    case .priority: EvictionKey(first: node.priority, second: node.lastUse)
    }
  }
}

/// A place in the order of eviction.
struct EvictionKey: Hashable, Comparable {
  var first: Int
  var second: Int
  static func < (a: Self, b: Self) -> Bool { a.first != b.first ? a.first < b.first : a.second < b.second }
}
