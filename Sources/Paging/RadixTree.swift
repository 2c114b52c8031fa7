/// Maps prefixes of token sequences to the pages that hold their keys and values.
///
/// ```
///   page size 4                       salt ""                      salt "tenant"     roots, without tokens
///                                        │                             │
///                  [9 8 7 6 │ 5 4 3 2]   pages 7 2             [9 8 7 6]   page 5     runs of whole pages
///                        ├───────────────┐
///              [1 1 1 1] page 3   [2 2 2 2 │ 3 3 3 3] pages 0 4
/// ```
///
/// Runs start and end at page borders, so a prefix that ends within a page is not found beyond that page's beginning.
/// Children are found by the hash of their first page; then the tokens themselves are compared, all of them.
///
/// A lock on a node keeps it and all nodes above it. Nodes without locks are cached: `evict` gives up their pages from
/// the leaves upward, in the order of the policy. The tree knows nothing of page pools: it stores the numbers it is given.
///
/// Time is a counter that the caller moves forward; the tree only compares its values. Given the same calls, the tree
/// does the same.
///
/// Source: the radix tree of SGLang (Zheng et al., 2023, arXiv:2312.07104), on pages instead of tokens.
///
/// Invariants: see `checkInvariants`. Looking up, locking and unlocking take time linear in the tokens matched (plus
/// O(log leaves) for the queue); evicting takes O(log leaves) for each node that goes.
public struct RadixTree: ~Copyable {
  /// Tokens in a page; a power of two.
  public let pageSize: Int
  public let policy: EvictionPolicy
  /// Pages in the tree, locked or not.
  public internal(set) var pageCount = 0
  /// Pages of nodes without locks: what `evict` could give up.
  public internal(set) var idlePageCount = 0
  var nodes: [RadixNode] = []
  /// Numbers of nodes that are not in use.
  var unused: [Int32] = []
  var roots: [String: Int32] = [:]
  var children = ChildTable()
  /// The leaves without locks, roots excepted.
  var queue = EvictionQueue()
  /// Prefixes that are asked for often.
  var hotPaths = HotPaths()
  /// Counts the nodes that were made, split or cut.
  var stamps = 0
  let shift: Int

  /// An empty tree. `pageSize` is that of the pool, a power of two.
  public init(pageSize: Int, policy: EvictionPolicy = .leastRecentlyUsed) {
    precondition(pageSize > 0 && pageSize & (pageSize - 1) == 0, "page size \(pageSize) is not a power of two")
    (self.pageSize, self.policy) = (pageSize, policy)
    shift = pageSize.trailingZeroBitCount
  }

  /// Nodes that hold pages; for tests.
  public var nodeCount: Int { children.count }

  // MARK: Looking up

  /// What the tree has of a token sequence.
  public struct Match: Sendable, Hashable {
    /// Length of the prefix found, a multiple of the page size.
    public internal(set) var tokenCount = 0
    /// How many of the prefix's pages are not locked.
    public internal(set) var idlePages = 0
  }

  /// The longest prefix of the first `limit` tokens that the tree has. Changes nothing.
  public func longestMatch(of tokens: [Int32], limit: Int, salt: String) -> Match {
    var match = Match()
    walk(tokens, limit, salt) { node, pageCount in
      match.tokenCount += pageCount << shift
      if nodes[node].lockCount == 0 { match.idlePages += pageCount }
    }
    return match
  }

  /// The nodes on which the longest prefix of the first `limit` tokens lies, from the top, and its length; the last node
  /// may be matched in part. The names are good for comparing until the tree is changed.
  public func path(of tokens: [Int32], limit: Int, salt: String) -> (nodes: [RadixNodeID], tokenCount: Int) {
    var path: (nodes: [RadixNodeID], tokenCount: Int) = ([], 0)
    walk(tokens, limit, salt) { node, pageCount in
      path.nodes.append(RadixNodeID(index: Int32(node)))
      path.tokenCount += pageCount << shift
    }
    return path
  }

  /// Calls `visit` with each node that has the next page or more, and with the number of pages in common.
  @inline(__always)
  func walk(_ tokens: [Int32], _ limit: Int, _ salt: String, _ visit: (Int, Int) -> Void) {
    guard let root = roots[salt] else { return }
    let end = min(limit, tokens.count) & ~(pageSize - 1)
    var (at, position) = walkHotPath(root, tokens, end: end, visit)
    while let child = child(of: at, tokens, from: position, end: end) {
      let common = commonPages(child, tokens, from: position, end: end)
      visit(Int(child), common)
      position += common << shift
      if common < nodes[Int(child)].pages.count { return }
      at = child
    }
  }

  /// The child that begins with the page at `position`, if that page is there and ends by `end`.
  func child(of parent: Int32, _ tokens: [Int32], from position: Int, end: Int) -> Int32? {
    guard position + pageSize <= end, nodes[Int(parent)].childCount > 0 else { return nil }
    return children.first(hash(of: parent, tokens, from: position)) { node in
      nodes[Int(node)].parent == parent
        && TokenRun.commonPrefix(nodes[Int(node)].tokens, from: 0, tokens, from: position, count: pageSize) == pageSize
    }
  }

  /// How many whole pages of the node equal the tokens from `position` on.
  func commonPages(_ node: Int32, _ tokens: [Int32], from position: Int, end: Int) -> Int {
    let count = min(nodes[Int(node)].tokens.count, end - position)
    return TokenRun.commonPrefix(nodes[Int(node)].tokens, from: 0, tokens, from: position, count: count) >> shift
  }

  func hash(of parent: Int32, _ tokens: [Int32], from position: Int) -> Int {
    TokenRun.hash(below: parent, tokens, from: position, count: pageSize)
  }
}
