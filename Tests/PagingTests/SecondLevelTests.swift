import ModelContests
import Testing

@testable import Paging

@Suite struct SecondLevelTests {
  /// A cache of four pages of two tokens, with six slots behind it.
  private func cache() throws -> PrefixCache {
    try PrefixCache(pageCount: 4, pageSize: 2, slotCount: 6)
  }

  /// Computes a prompt of whole pages and one token, and ends.
  private func run(_ cache: inout PrefixCache, _ tokens: [Int32], salt: String = "", time: Int) -> Int {
    var (table, lease) = cache.acquire(tokens, salt: salt, priority: 0, time: time)
    let found = table.tokenCount
    if let pages = cache.allocate(table.missingPages(for: tokens.count)) { table.append(pages) }
    table.advance(by: tokens.count - found)
    cache.publish(&lease, tokens, &table, priority: 0, time: time)
    cache.release(lease, &table, time: time)
    return found
  }

  @Test func evictedPagesComeBackBehindWhatIsStillInMemory() throws {
    var cache = try cache()
    let first: [Int32] = [1, 2, 3, 4, 5, 6, 7]
    #expect(run(&cache, first, time: 1) == 0)
    #expect(cache.evict(2) == 2)
    // The end goes first: pages of 5 6 and 3 4.
    let saves = cache.takeCopies()
    #expect(saves.count == 2 && cache.secondLevel.cachedCount == 2)
    #expect(run(&cache, first, time: 2) == 6)
    #expect(cache.takeCopies().count == 2 && cache.statistics.secondLevelTokens == 4)
    try cache.checkInvariants()
    // They are still in the second level, so evicting them again copies nothing.
    cache.evict(.max)
    #expect(cache.takeCopies().count == 1)
    #expect(run(&cache, first, salt: "other", time: 3) == 0)
  }

  @Test func theOldestSlotsAreGivenToOthersAndPathsToNowhereGo() throws {
    var cache = try cache()
    for number in 0..<4 {
      _ = run(&cache, [10 * Int32(number), 1, 2, 3, 4], time: number)
      cache.evict(.max)
      try cache.checkInvariants()
    }
    // Four prompts of two pages; the first one's have gone.
    #expect(
      cache.secondLevel.cachedCount == 6 && cache.secondLevel.find([0, 1, 2, 3], salt: "", from: 0, limit: 4) == [])
    #expect(cache.secondLevel.find([10, 1, 2, 3], salt: "", from: 0, limit: 4).count == 2)
    cache.clear()
    #expect(cache.secondLevel.cachedCount == 0 && cache.secondLevel.roots.isEmpty)
    try cache.checkInvariants()
  }

  @Test func lentSlotsAreNotGivenToOthers() throws {
    var cache = try cache()
    var (table, lease) = cache.acquire([1, 2, 3, 4, 5], salt: "", priority: 0, time: 1)
    if let pages = cache.allocate(3) { table.append(pages) }
    table.advance(by: 5)
    cache.publish(&lease, [1, 2, 3, 4, 5], &table, priority: 0, time: 1)
    let kept = cache.swapOut(table, lease)
    let swapped = try #require(kept)
    #expect(swapped.slots.count == 1 && swapped.start == 4 && swapped.tokenCount == 5)
    cache.release(lease, &table, time: 1)
    for number in 0..<5 {
      _ = run(&cache, [20 * Int32(number), 1, 2, 3, 4], time: 2 + number)
      cache.evict(.max)
    }
    #expect(cache.secondLevel.cachedCount == 5 && cache.secondLevel.lentCount == 1)
    // What was shared is lost, so what was kept behind it is of no use.
    var back = cache.acquire([1, 2, 3, 4, 5, 6], salt: "", priority: 0, time: 9)
    let found = back.table.tokenCount
    cache.swapIn(swapped, &back.table)
    #expect(back.table.tokenCount == (found == 4 ? 5 : found) && cache.secondLevel.lentCount == 0)
    cache.release(back.lease, &back.table, time: 9)
    try cache.checkInvariants()
  }

  @Test func aTreeIsWrittenParentsFirstAndAdoptedAgain() throws {
    var cache = try PrefixCache(pageCount: 40, pageSize: 2)
    let prompts: [[Int32]] = [
      [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 9, 9, 9], [1, 2, 8, 8, 8], [7, 7, 7, 7, 7, 7, 7, 7, 7],
      [1, 2, 3, 4, 5, 6, 0, 0, 1],
    ]
    for (time, prompt) in prompts.enumerated() { _ = run(&cache, prompt, salt: prompt[0] == 7 ? "s" : "", time: time) }
    var written: [(salt: String, parent: Int?, tokens: [Int32])] = []
    cache.tree.forEachPageInOrder { (salt, parent: Int?, tokens, _) -> Int in
      written.append((salt, parent, Array(tokens)))
      return written.count - 1
    }
    #expect(written.count == cache.treePages && written.count == 10)
    var copy = try PrefixCache(pageCount: 9, pageSize: 2)
    var prefixes: [[Int32]] = []
    var adopted = 0
    for (salt, parent, tokens) in written {
      #expect(parent ?? -1 < prefixes.count)
      prefixes.append((parent.map { prefixes[$0] } ?? []) + tokens)
      if copy.adopt(prefixes[prefixes.count - 1], salt: salt) != nil { adopted += 1 }
      try copy.checkInvariants()
    }
    #expect(adopted == 9 && copy.pool.cachedCount == 9 && copy.pool.freeCount == 0)
    let again = copy.adopt([1, 2], salt: "")
    #expect(again == nil)
    let lengths = prompts.map { copy.match($0, salt: $0[0] == 7 ? "s" : "").tokenCount }
    #expect(lengths.reduce(0, +) > 20 && copy.match([1, 2, 3], salt: "s").tokenCount == 0)
  }

  @Test func longPathsAreFoundAsBeforeWhateverChangesInThem() throws {
    var random = SeededRandom(seed: 5)
    var cache = try PrefixCache(pageCount: 400, pageSize: 2)
    let trunk = (0..<80).map { Int32($0) }
    for time in 0..<400 {
      // Prompts leave the trunk at many places, which splits it into many nodes.
      let prompt =
        trunk.prefix(Int.random(in: 1...80, using: &random)) + [Int32.random(in: 100..<104, using: &random), 5, 6]
      _ = run(&cache, Array(prompt), time: time)
      if time % 30 == 29 { cache.evict(Int.random(in: 0...60, using: &random)) }
      if time % 7 == 0 { try cache.checkInvariants() }
      // What is found is what a walk node by node finds.
      let asked = trunk + [1]
      let found = cache.match(asked, salt: "").tokenCount
      let path = cache.path(of: asked, salt: "")
      var known = 0
      cache.tree.forEachPage { _, prefix, _, _ in
        if asked.starts(with: prefix) { known = max(known, prefix.count) }
      }
      #expect(found == known && path.tokenCount == known)
    }
    let isUsed = !cache.tree.hotPaths.isEmpty
    #expect(isUsed)
  }
}
