import Paging

/// One call, or a few that belong together, to a prefix cache. Indices are taken modulo the number of live sequences, so
/// that any part of a list can be left out.
public enum CacheOperation: Sendable, CustomStringConvertible {
  /// Looks for the prompt, takes the pages that are missing for it and fills them; lets go again if there are too few.
  case begin(prompt: [Int32], salt: String, priority: Int)
  /// Adds tokens while there are pages for them.
  case grow(Int, tokens: [Int32])
  case publish(Int)
  case end(Int)
  case evict(Int)

  public var description: String {
    switch self {
    case .begin(let prompt, let salt, let priority):
      ".begin(prompt: \(prompt), salt: \"\(salt)\", priority: \(priority)),"
    case .grow(let index, let tokens): ".grow(\(index), tokens: \(tokens)),"
    case .publish(let index): ".publish(\(index)),"
    case .end(let index): ".end(\(index)),"
    case .evict(let count): ".evict(\(count)),"
    }
  }

  /// Few different tokens, so that prefixes are often shared.
  public static func random(_ pageSize: Int, _ pageCount: Int, using random: inout SeededRandom) -> CacheOperation {
    let longest = min(pageSize * pageCount, pageSize * 6 + 2)
    func tokens(_ most: Int) -> [Int32] {
      (0..<Int.random(in: 1...max(1, most), using: &random)).map { _ in Int32.random(in: 0..<12, using: &random) / 11 }
    }
    let index = Int.random(in: 0..<64, using: &random)
    switch Int.random(in: 0..<16, using: &random) {
    case 0..<4:
      return .begin(
        prompt: tokens(longest), salt: ["", "", "", "x"][index & 3], priority: Int.random(in: -2...2, using: &random))
    case 4..<8: return .grow(index, tokens: tokens(pageSize + 2))
    case 8..<12: return .publish(index)
    case 12..<15: return .end(index)
    default: return .evict(Int.random(in: 0...5, using: &random))
    }
  }
}

/// A prefix cache and its naive model, which must agree after every operation.
public final class CacheContest {
  public struct Disagreement: Error, CustomStringConvertible { public let description: String }
  public struct Sizes: Sendable, CustomStringConvertible {
    public let pageSize: Int, pageCount: Int, policy: EvictionPolicy
    public init(pageSize: Int, pageCount: Int, policy: EvictionPolicy) {
      (self.pageSize, self.pageCount, self.policy) = (pageSize, pageCount, policy)
    }
    public var description: String {
      "CacheContest.Sizes(pageSize: \(pageSize), pageCount: \(pageCount), policy: .\(policy))"
    }
  }

  private var cache: PrefixCache
  private var model: NaiveCache
  /// For each sequence of the model what the cache gave for it.
  private var held: [(table: BlockTable, lease: PrefixLease?)] = []
  private var time = 0

  init(_ sizes: Sizes) throws {
    cache = try PrefixCache(pageCount: sizes.pageCount, pageSize: sizes.pageSize, policy: sizes.policy)
    model = NaiveCache(pageSize: sizes.pageSize, pageCount: sizes.pageCount)
  }

  /// What goes wrong, if anything does, in these operations and in letting everything go afterwards.
  public static func disagreement(_ sizes: Sizes, _ operations: [CacheOperation]) -> Disagreement? {
    do {
      let contest = try CacheContest(sizes)
      for operation in operations { try contest.play(operation) }
      while !contest.held.isEmpty { try contest.play(.end(0)) }
      try contest.play(.evict(.max))
      try contest.require(contest.cache.pool.freeCount == sizes.pageCount, "pages are missing at the end")
      return nil
    } catch let error as Disagreement {
      return error
    } catch {
      return Disagreement(description: "\(error)")
    }
  }

  private func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws {
    if !holds { throw Disagreement(description: sentence()) }
  }

  private func play(_ operation: CacheOperation) throws {
    time += 1
    switch operation {
    case .begin(let prompt, let salt, let priority):
      try begin(NaiveCache.Sequence(salt: salt, priority: priority, tokens: prompt))
    case .grow(let index, let tokens) where !held.isEmpty: try grow(index % held.count, tokens)
    case .publish(let index) where !held.isEmpty: publish(index % held.count)
    case .end(let index) where !held.isEmpty: end(index % held.count)
    case .evict(let count):
      let expected = min(count, model.counts.cached)
      let evicted = cache.evict(count)
      try require(evicted == expected, "\(evicted) pages were evicted instead of \(expected)")
      try forget(expected)
    default: return
    }
    try compare()
  }

  private func begin(_ sequence: NaiveCache.Sequence) throws {
    let expected = model.longestMatch(sequence)
    let match = cache.match(sequence.tokens, salt: sequence.salt)
    try require(match.tokenCount == expected.count * model.pageSize, "\(match) instead of \(expected)")
    let heldPages = Set(model.sequences.flatMap(\.pages))
    try require(match.idlePages == expected.count { !heldPages.contains($0) }, "\(match) of pages \(expected)")
    let found = cache.acquire(sequence.tokens, salt: sequence.salt, priority: sequence.priority, time: time)
    try require(found.table.pages == expected, "found \(found.table.pages) instead of \(expected)")
    var sequence = sequence
    (sequence.pages, sequence.filled, sequence.published) = (expected, found.table.tokenCount, expected.count)
    held.append(found)
    model.sequences.append(sequence)
    let last = held.count - 1
    if try take(last, found.table.missingPages(for: sequence.tokens.count)) {
      fill(last, to: sequence.tokens.count)
    } else {
      end(last)
    }
  }

  private func grow(_ index: Int, _ tokens: [Int32]) throws {
    for token in tokens {
      guard try take(index, held[index].table.missingPages(for: model.sequences[index].filled + 1)) else { return }
      model.sequences[index].tokens.append(token)
      fill(index, to: model.sequences[index].filled + 1)
    }
  }

  /// Takes pages for a sequence, and finds out which were evicted for them.
  private func take(_ index: Int, _ count: Int) throws -> Bool {
    let counts = model.counts
    guard let pages = cache.allocate(count) else {
      try require(count > counts.free + counts.cached, "\(count) pages were refused, \(counts)")
      return false
    }
    try require(pages.count == count && count <= counts.free + counts.cached, "\(pages) were given, \(counts)")
    try forget(max(0, count - counts.free))
    let heldPages = Set(model.sequences.flatMap(\.pages)).union(model.contents.values)
    try require(heldPages.isDisjoint(with: pages), "\(pages) were given, but \(heldPages) are in use")
    held[index].table.append(pages)
    model.sequences[index].pages += pages
    return true
  }

  private func fill(_ index: Int, to count: Int) {
    held[index].table.advance(by: count - held[index].table.tokenCount)
    model.sequences[index].filled = count
  }

  private func publish(_ index: Int) {
    let sequence = model.sequences[index]
    var (table, lease) = held[index]
    cache.publish(&lease, sequence.tokens, &table, priority: sequence.priority, time: time)
    held[index] = (table, lease)
    model.publish(index)
  }

  private func end(_ index: Int) {
    var (table, lease) = held.remove(at: index)
    cache.release(lease, &table, time: time)
    model.sequences.remove(at: index)
  }

  /// Takes out of the model what the cache no longer keeps: as many as were needed, none of them held, and never the
  /// beginning of a prefix that is still there.
  private func forget(_ count: Int) throws {
    guard count > 0 else { return }
    let gone = model.contents.filter { !cache.pool.isKept($0.value) }
    try require(gone.count == count, "\(gone.count) pages were evicted instead of \(count)")
    let heldPages = Set(model.sequences.flatMap(\.pages))
    try require(gone.values.allSatisfy { !heldPages.contains($0) }, "a held page of \(gone) was evicted")
    for key in gone.keys { model.contents[key] = nil }
    for key in model.contents.keys where key.tokens.count > model.pageSize {
      let parent = NaiveCache.Prefix(salt: key.salt, tokens: key.tokens.dropLast(model.pageSize))
      try require(model.contents[parent] != nil, "\(key) lost its beginning")
    }
  }

  private func compare() throws {
    try cache.checkInvariants()
    let counts = model.counts
    let found = (cache.pool.freeCount, cache.pool.heldCount, cache.pool.cachedCount)
    try require(found == counts, "free, held and cached are \(found) instead of \(counts)")
    for (sequence, held) in zip(model.sequences, held) {
      try require(sequence.pages == held.table.pages, "\(held.table.pages) instead of \(sequence.pages)")
    }
    guard time % 16 == 0 else { return }
    var entries = 0
    var wrong: [PageID] = []
    cache.tree.forEachPage { salt, prefix, page, _ in
      entries += 1
      if model.contents[NaiveCache.Prefix(salt: salt, tokens: prefix[...])] != page { wrong.append(page) }
    }
    try require(wrong.isEmpty && entries == model.contents.count, "\(entries) pages in the tree, \(wrong) are wrong")
  }
}
