import Paging
import ModelContests
import Testing

@Suite struct PrefixCacheModelTests {
  /// 64 lists of 20,000 operations: more than a million.
  @Test(arguments: 0..<64 as Range<UInt64>)
  func anySequenceOfOperationsAgreesWithADictionaryOfPrefixes(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let sizes = CacheContest.Sizes(
      pageSize: 1 << Int.random(in: 0...3, using: &random), pageCount: Int.random(in: 1...24, using: &random),
      policy: EvictionPolicy.allCases[Int(seed) % EvictionPolicy.allCases.count])
    let operations = (0..<20_000).map { _ in
      CacheOperation.random(sizes.pageSize, sizes.pageCount, using: &random)
    }
    guard CacheContest.disagreement(sizes, operations) != nil else { return }
    let shortest = minimised(operations) { CacheContest.disagreement(sizes, $0) != nil }
    let code = shortest.map { "  \($0)" }.joined(separator: "\n")
    let reason = CacheContest.disagreement(sizes, shortest)?.description ?? ""
    Issue.record("seed \(seed): \(reason)\nCacheContest.disagreement(\(sizes), [\n\(code)\n])")
  }

  @Test func aCacheThatIsSwitchedOffFindsAndKeepsNothing() throws {
    var cache = try PrefixCache(pageCount: 4, pageSize: 2, isEnabled: false)
    for _ in 0..<3 {
      var (table, lease) = cache.acquire([1, 2, 3, 4], salt: "", priority: 0, time: 0)
      let found = table.tokenCount
      #expect(found == 0 && lease == nil)
      table.append(cache.allocate(2) ?? [])
      table.advance(by: 4)
      cache.publish(&lease, [1, 2, 3, 4], &table, priority: 0, time: 0)
      cache.release(lease, &table, time: 0)
      try cache.checkInvariants()
      let (free, queries) = (cache.pool.freeCount, cache.statistics.queries)
      #expect(free == 4 && queries == 0)
    }
  }

  @Test func theStatisticsCountTokensHitsAndEvictions() throws {
    var cache = try PrefixCache(pageCount: 4, pageSize: 2)
    for round in 0..<2 {
      var (table, lease) = cache.acquire([1, 2, 3, 4, 5], salt: "", priority: 0, time: round)
      table.append(cache.allocate(table.missingPages(for: 5)) ?? [])
      table.advance(by: 5 - table.tokenCount)
      cache.publish(&lease, [1, 2, 3, 4, 5], &table, priority: 0, time: round)
      cache.release(lease, &table, time: round)
    }
    cache.evict(1)
    let s = cache.statistics
    #expect(s.queries == 2 && s.hits == 1 && s.misses == 1 && s.queriedTokens == 10 && s.hitTokens == 4)
    #expect(s.evictedPages == 1 && s.sharedDuplicates == 0)
    let left = cache.treePages
    #expect(left == 1)
  }
}
