/// Pages that a tree gives up together, with the prefix that they are the end of.
public struct EvictedRun: Sendable, Hashable {
  public let salt: String
  /// All tokens from the root to the end of the last page.
  public let tokens: [Int32]
  /// The pages, in order; their tokens are the last ones.
  public let pages: [PageID]
}

extension RadixTree {
  /// Gives up pages that nobody has locked: from the end of the leaf that the policy puts first, then of the next. A node
  /// loses only the pages that are needed.
  /// - Parameter onRun: called with each run of pages before it goes, when given.
  /// - Returns: the pages, `count` of them or all that are idle when those are fewer.
  public mutating func evict(_ count: Int, onRun: ((EvictedRun) -> Void)? = nil) -> [PageID] {
    var evicted: [PageID] = []
    while evicted.count < count, let leaf = queue.first {
      let index = Int(leaf)
      let dropped = min(count - evicted.count, nodes[index].pages.count)
      if let onRun { onRun(lastRun(of: leaf, pages: dropped)) }
      evicted += nodes[index].pages.suffix(dropped).reversed()
      pageCount -= dropped
      idlePageCount -= dropped
      if dropped < nodes[index].pages.count {
        nodes[index].pages.removeLast(dropped)
        nodes[index].tokens.removeLast(dropped << shift)
      } else {
        removeLeaf(leaf)
      }
    }
    return evicted
  }

  private mutating func removeLeaf(_ leaf: Int32) {
    let (parent, hash) = (nodes[Int(leaf)].parent, nodes[Int(leaf)].hash)
    queue.remove(leaf)
    children.remove(leaf, hash)
    free(leaf)
    nodes[Int(parent)].childCount -= 1
    becameIdle(parent)
  }

  /// Files a node that has lost its last lock or its last child: a leaf can be evicted, a root without children goes.
  mutating func becameIdle(_ node: Int32) {
    let index = Int(node)
    guard nodes[index].lockCount == 0, nodes[index].childCount == 0 else { return }
    if nodes[index].isRoot {
      roots[nodes[index].salt] = nil
      free(node)
    } else {
      queue.insert(node, policy.key(of: nodes[index]))
    }
  }

  private mutating func free(_ node: Int32) {
    nodes[Int(node)] = RadixNode(parent: -1)
    unused.append(node)
  }

  private func lastRun(of leaf: Int32, pages count: Int) -> EvictedRun {
    var runs: [[Int32]] = []
    var at = leaf
    while !nodes[Int(at)].isRoot {
      runs.append(nodes[Int(at)].tokens)
      at = nodes[Int(at)].parent
    }
    return EvictedRun(
      salt: nodes[Int(at)].salt, tokens: Array(runs.reversed().joined()), pages: nodes[Int(leaf)].pages.suffix(count))
  }
}
