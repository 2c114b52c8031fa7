import Paging
import Testing

/// A tree in a class: the macros of Swift Testing take copies of what they look at, and a `RadixTree` has none.
private final class SharedTree {
  private var tree: RadixTree
  private var nextPage: PageID = 0
  var time = 0

  init(pageSize: Int = 2, _ policy: EvictionPolicy = .leastRecentlyUsed) {
    tree = RadixTree(pageSize: pageSize, policy: policy)
  }

  var nodeCount: Int { tree.nodeCount }
  var pageCount: Int { tree.pageCount }
  var idlePageCount: Int { tree.idlePageCount }

  /// Locks what is there, adds the rest with new pages, and keeps the lock.
  func enter(_ tokens: [Int32], salt: String = "", priority: Int = 0) throws -> (node: RadixNodeID, pages: [PageID]) {
    time += 1
    let locked = tree.lock(tokens, limit: tokens.count, salt: salt, priority: priority, time: time)
    var pages = locked.pages
    while pages.count < tokens.count / tree.pageSize {
      pages.append(nextPage)
      nextPage += 1
    }
    let (node, duplicates) = tree.extend(
      locked.node, tokens, from: locked.tokenCount, to: tokens.count & ~(tree.pageSize - 1), pages: &pages,
      priority: priority, time: time)
    #expect(duplicates.isEmpty)
    try tree.checkInvariants()
    return (node, pages)
  }

  /// Locks and unlocks the prefix that is there.
  @discardableResult func use(_ tokens: [Int32], salt: String = "") throws -> [PageID] {
    time += 1
    let locked = tree.lock(tokens, limit: tokens.count, salt: salt, priority: .min, time: time)
    try unlock(locked.node)
    return locked.pages
  }

  func insert(_ tokens: [Int32], salt: String = "", priority: Int = 0) throws {
    try unlock(try enter(tokens, salt: salt, priority: priority).node)
  }

  func extend(_ node: RadixNodeID, _ tokens: [Int32], from start: Int, _ pages: inout [PageID]) throws
    -> (node: RadixNodeID, duplicates: [PageID])
  {
    let result = tree.extend(node, tokens, from: start, to: tokens.count, pages: &pages, priority: 0, time: time)
    try tree.checkInvariants()
    return result
  }

  func unlock(_ node: RadixNodeID) throws {
    tree.unlock(node, time: time)
    try tree.checkInvariants()
  }

  func evict(_ count: Int) throws -> [PageID] {
    let pages = tree.evict(count)
    try tree.checkInvariants()
    return pages
  }

  func match(_ tokens: [Int32], limit: Int = .max, salt: String = "") -> RadixTree.Match {
    tree.longestMatch(of: tokens, limit: limit, salt: salt)
  }
}

@Suite struct RadixTreeTests {
  @Test func aPrefixIsFoundInWholePagesUpToItsFirstDifference() throws {
    let tree = SharedTree(pageSize: 4)
    #expect(tree.match([1, 2, 3, 4]).tokenCount == 0)
    try tree.insert([1, 2, 3, 4, 5, 6, 7, 8, 9])
    #expect(tree.pageCount == 2)
    for (tokens, expected) in [
      ([1, 2, 3], 0), ([1, 2, 3, 4], 4), ([1, 2, 3, 4, 5, 6, 7], 4), ([1, 2, 3, 4, 5, 6, 7, 0, 9], 4),
      ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 8), ([0, 2, 3, 4, 5, 6, 7, 8], 0), ([], 0),
    ] as [([Int32], Int)] {
      #expect(tree.match(tokens).tokenCount == expected, "\(tokens)")
    }
    #expect(tree.match([1, 2, 3, 4, 5, 6, 7, 8], limit: 7).tokenCount == 4)
    #expect(tree.match([1, 2, 3, 4, 5, 6, 7, 8], limit: 0).tokenCount == 0)
  }

  @Test func aNodeIsSplitAtAPageBorderAndKeepsItsPages() throws {
    let tree = SharedTree()
    let (long, pages) = try tree.enter([1, 1, 2, 2, 3, 3, 4, 4])
    #expect(tree.nodeCount == 1)
    // Differs in the middle of the third page.
    let (branch, others) = try tree.enter([1, 1, 2, 2, 3, 9, 4, 4])
    #expect(tree.nodeCount == 3 && tree.pageCount == 6)
    #expect(Array(others[..<2]) == Array(pages[..<2]) && Set(others + pages).count == 6)
    #expect(tree.idlePageCount == 0)
    try tree.unlock(long)
    #expect(tree.idlePageCount == 2)
    #expect(tree.match([1, 1, 2, 2, 3, 3, 4, 4]).idlePages == 2)
    try tree.unlock(branch)
    #expect(tree.idlePageCount == 6)
    let used = try tree.use([1, 1, 2, 2, 3, 3, 4, 4])
    #expect(used == pages)
  }

  @Test func aLockedPrefixIsNeverEvictedAndAnUnlockedOneGoesFromItsEnd() throws {
    let tree = SharedTree()
    let (node, pages) = try tree.enter([1, 1, 2, 2])
    try tree.insert([1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    let first = try tree.evict(2)
    #expect(first == [4, 3], "the last pages of the run that nobody locks")
    #expect(try tree.evict(9) == [2])
    #expect(try tree.evict(9).isEmpty)
    #expect(try tree.use([1, 1, 2, 2, 3, 3]) == pages)
    try tree.unlock(node)
    #expect(try tree.evict(9) == pages.reversed())
    #expect(tree.pageCount == 0 && tree.nodeCount == 0)
  }

  @Test func aGrowingSequenceStaysOneNodeUntilAnotherSharesIt() throws {
    let tree = SharedTree()
    var (node, pages) = try tree.enter([1, 1])
    pages.append(50)
    node = try tree.extend(node, [1, 1, 2, 2], from: 2, &pages).node
    #expect(tree.nodeCount == 1)
    let (other, _) = try tree.enter([1, 1, 2, 2])
    pages.append(51)
    node = try tree.extend(node, [1, 1, 2, 2, 3, 3], from: 4, &pages).node
    #expect(tree.nodeCount == 2, "the other's lock ends where it did")
    #expect(tree.match([1, 1, 2, 2, 3, 3]).tokenCount == 6)
    try tree.unlock(other)
    try tree.unlock(node)
  }

  @Test func pagesThatTheTreeHasAlreadyAreGivenBack() throws {
    let tree = SharedTree()
    let (first, pages) = try tree.enter([1, 1, 2, 2, 3, 3])
    let (second, shared) = try tree.enter([1, 1])
    var own = shared + [70, 71, 72]
    let (node, duplicates) = try tree.extend(second, [1, 1, 2, 2, 3, 9, 4, 4], from: 2, &own)
    #expect(duplicates == [70] && own == [pages[0], pages[1], 71, 72])
    try tree.unlock(first)
    #expect(tree.idlePageCount == 1)
    try tree.unlock(node)
  }

  @Test func saltsShareNothingAndLeaveNothingBehind() throws {
    let tree = SharedTree()
    try tree.insert([1, 1, 2, 2], salt: "a")
    #expect(tree.match([1, 1, 2, 2]).tokenCount == 0)
    #expect(tree.match([1, 1, 2, 2], salt: "b").tokenCount == 0)
    #expect(tree.match([1, 1, 2, 2], salt: "a").tokenCount == 4)
    try tree.insert([1, 1, 2, 2], salt: "b")
    #expect(tree.pageCount == 4)
    // checkInvariants refuses a root without locks and children.
    for number in 0..<100 { try tree.use([7, 7], salt: "visitor \(number)") }
    #expect(try tree.evict(4).count == 4)
  }

  /// Prefixes a, b, c enter in this order; then a is used twice and b once, a before b.
  @Test(
    arguments: [
      (EvictionPolicy.leastRecentlyUsed, [2, 0, 1]), (.leastFrequentlyUsed, [2, 1, 0]), (.firstInFirstOut, [0, 1, 2]),
      (.priority, [1, 2, 0]),
    ] as [(EvictionPolicy, [PageID])])
  func theFirstToGoIsThePolicysChoice(policy: EvictionPolicy, order: [PageID]) throws {
    let tree = SharedTree(policy)
    try tree.insert([1, 1], priority: 5)
    try tree.insert([2, 2], priority: -5)
    try tree.insert([3, 3], priority: 0)
    try tree.use([1, 1])
    try tree.use([1, 1])
    try tree.use([2, 2])
    #expect(try tree.evict(3) == order)
  }

  @Test func aDeepTreeIsWalkedWithoutRecursion() throws {
    let tree = SharedTree(pageSize: 1)
    // Each sequence branches off one token later: a chain of 4000 nodes.
    let chain = (0..<4000).map { Int32($0) }
    let node = try tree.enter(chain).node
    var time = 0
    for length in stride(from: 1, to: chain.count, by: 97) {
      time += 1
      try tree.insert(Array(chain[..<length]) + [-1])
    }
    #expect(tree.match(chain).tokenCount == chain.count)
    try tree.unlock(node)
    #expect(try tree.evict(.max).count == tree.pageCount + chain.count + time)
  }
}
