extension RadixTree {
  /// A locked prefix.
  public struct Locked: Sendable, Hashable {
    /// The node at whose end the prefix ends; to be handed to `extend` and `unlock`.
    public let node: RadixNodeID
    /// Length of the prefix, a multiple of the page size.
    public let tokenCount: Int
    /// The pages of the prefix, in order.
    public let pages: [PageID]
  }

  /// Finds the longest prefix of the first `limit` tokens and locks it; a node that is matched in part is split.
  /// Every lock must be given back with `unlock`, also that of an empty prefix.
  public mutating func lock(_ tokens: [Int32], limit: Int, salt: String, priority: Int, time: Int) -> Locked {
    let end = min(limit, tokens.count) & ~(pageSize - 1)
    let root = root(salt, time)
    addLock(root, priority, time)
    var pages: [PageID] = []
    var hot: [Int] = []
    var (at, position) = walkHotPath(root, tokens, end: end) { node, _ in hot.append(node) }
    for node in hot {
      addLock(Int32(node), priority, time)
      pages += nodes[node].pages
    }
    while let child = child(of: at, tokens, from: position, end: end) {
      let common = commonPages(child, tokens, from: position, end: end)
      at = common < nodes[Int(child)].pages.count ? split(child, atPage: common) : child
      addLock(at, priority, time)
      pages += nodes[Int(at)].pages
      position += common << shift
    }
    noteHotPath(root, tokens, to: at, position: position)
    return Locked(node: RadixNodeID(index: at), tokenCount: position, pages: pages)
  }

  /// Gives a lock back. Nodes that nobody locks any more stay until they are evicted.
  public mutating func unlock(_ node: RadixNodeID, time: Int) {
    var at = node.index
    while at >= 0 {
      precondition(nodes[Int(at)].lockCount > 0, "node \(at) is not locked")
      nodes[Int(at)].lockCount -= 1
      nodes[Int(at)].lastUse = max(nodes[Int(at)].lastUse, time)
      if nodes[Int(at)].lockCount == 0 { idlePageCount += nodes[Int(at)].pages.count }
      let parent = nodes[Int(at)].parent
      becameIdle(at)
      at = parent
    }
  }

  /// Adds the pages of tokens[start..<end] below a locked node and moves the lock to their end.
  ///
  /// Where the tree has a page with these tokens already, that page stays, and the given one is the caller's again.
  /// - Parameters:
  ///   - start, end: multiples of the page size; the lock's prefix is tokens[..<start].
  ///   - pages: the pages of tokens[..<end]; of those before `start` none is looked at. The tree's own pages are put
  ///     in the place of those that it had already.
  /// - Returns: the node that is locked now, and the given pages that did not enter the tree.
  public mutating func extend(
    _ node: RadixNodeID, _ tokens: [Int32], from start: Int, to end: Int, pages: inout [PageID], priority: Int,
    time: Int
  ) -> (node: RadixNodeID, duplicates: [PageID]) {
    precondition(start & (pageSize - 1) == 0 && end & (pageSize - 1) == 0 && start <= end && end <= tokens.count)
    precondition(nodes[Int(node.index)].lockCount > 0, "node \(node.index) is not locked")
    var at = node.index
    var position = start
    var duplicates: [PageID] = []
    while position < end {
      guard let child = child(of: at, tokens, from: position, end: end) else {
        at = append(tokens[position..<end], pages[position >> shift..<end >> shift], to: at, priority, time)
        break
      }
      let common = commonPages(child, tokens, from: position, end: end)
      at = common < nodes[Int(child)].pages.count ? split(child, atPage: common) : child
      addLock(at, priority, time)
      for (offset, page) in nodes[Int(at)].pages.enumerated() {
        let index = position >> shift + offset
        if pages[index] != page { duplicates.append(pages[index]) }
        pages[index] = page
      }
      position += common << shift
    }
    return (RadixNodeID(index: at), duplicates)
  }

  // MARK: Parts

  private mutating func addLock(_ node: Int32, _ priority: Int, _ time: Int) {
    queue.remove(node)
    if nodes[Int(node)].lockCount == 0 { idlePageCount -= nodes[Int(node)].pages.count }
    nodes[Int(node)].lockCount += 1
    nodes[Int(node)].uses += 1
    nodes[Int(node)].lastUse = max(nodes[Int(node)].lastUse, time)
    nodes[Int(node)].priority = max(nodes[Int(node)].priority, priority)
  }

  /// Adds tokens that no child of `node` begins with. A leaf that only the caller has locked grows; otherwise a child,
  /// locked once, is made.
  private mutating func append(
    _ tokens: ArraySlice<Int32>, _ pages: ArraySlice<PageID>, to node: Int32, _ priority: Int, _ time: Int
  ) -> Int32 {
    pageCount += pages.count
    let parent = Int(node)
    if !nodes[parent].isRoot, nodes[parent].childCount == 0, nodes[parent].lockCount == 1 {
      nodes[parent].tokens += tokens
      nodes[parent].pages += pages
      return node
    }
    var child = RadixNode(parent: node)
    (child.tokens, child.pages) = (Array(tokens), Array(pages))
    (child.lockCount, child.uses, child.priority) = (1, 1, priority)
    (child.created, child.lastUse) = (time, time)
    child.hash = hash(of: node, child.tokens, from: 0)
    nodes[parent].childCount += 1
    let hash = child.hash
    let index = add(child)
    children.insert(index, hash)
    return index
  }

  /// Puts a new node with the first pages of `node` between it and its parent. `node` keeps its number and what is below
  /// it, so locks on it stay right.
  /// - Returns: the new node.
  private mutating func split(_ node: Int32, atPage count: Int) -> Int32 {
    let lower = Int(node)
    var upper = nodes[lower]  // the same locks, times, uses and priority
    upper.tokens = Array(upper.tokens[..<(count << shift)])
    upper.pages = Array(upper.pages[..<count])
    upper.childCount = 1
    stamps += 1
    nodes[lower].stamp = stamps
    let hash = upper.hash
    let index = add(upper)
    children.replace(node, with: index, hash)
    nodes[lower].parent = index
    nodes[lower].tokens.removeFirst(count << shift)
    nodes[lower].pages.removeFirst(count)
    nodes[lower].hash = self.hash(of: index, nodes[lower].tokens, from: 0)
    children.insert(node, nodes[lower].hash)
    return index
  }

  private mutating func root(_ salt: String, _ time: Int) -> Int32 {
    if let root = roots[salt] { return root }
    var node = RadixNode(parent: -1, salt: salt)
    (node.created, node.lastUse) = (time, time)
    let root = add(node)
    roots[salt] = root
    return root
  }

  private mutating func add(_ node: RadixNode) -> Int32 {
    var node = node
    stamps += 1
    node.stamp = stamps
    guard let index = unused.popLast() else {
      nodes.append(node)
      return Int32(nodes.count - 1)
    }
    nodes[Int(index)] = node
    return index
  }
}
