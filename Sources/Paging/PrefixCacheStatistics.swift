/// What a prefix cache has found so far.
public struct PrefixCacheStatistics: Sendable, Hashable {
  /// Sequences that looked for a prefix, and those of them that found at least a page.
  public var queries = 0
  public var hits = 0
  /// Tokens of the sequences that looked, and those of them that were found.
  public var queriedTokens = 0
  public var hitTokens = 0
  /// Cached pages that were given up for others.
  public var evictedPages = 0
  /// Pages that two sequences computed at the same time, of which one was kept.
  public var sharedDuplicates = 0
  /// Pages copied to the second level and back, those of preempted sequences included.
  public var savedPages = 0
  public var loadedPages = 0
  /// Tokens whose pages were found in the second level.
  public var secondLevelTokens = 0

  public init() {}

  /// Sequences that found nothing.
  public var misses: Int { queries - hits }

  mutating func count(found: Int, of tokens: Int) {
    queries += 1
    if found > 0 { hits += 1 }
    queriedTokens += tokens
    hitTokens += found
  }
}
