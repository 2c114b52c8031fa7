import Paging
import Tokenization

extension Scheduler {
  /// Makes a page that was computed earlier findable: the last page of `tokens`. The caller fills it before the next step.
  /// - Parameter salt: as in the requests that may share it.
  /// - Returns: nil when there is no free page for it, when what comes before it is not in the cache, when it is there
  ///   already, or when a token is not in the vocabulary.
  public mutating func adopt(_ tokens: [TokenID], salt: String) -> PageID? {
    precondition(!hasBatchInFlight, "pages are adopted between steps")
    guard tokens.allSatisfy({ $0 >= 0 && Int($0) < configuration.vocabularySize }) else { return nil }
    return cache.adopt(tokens, salt: RunningSequence.epochSalt(salt, epoch: cacheEpoch))
  }

  /// Calls `body` with each page that requests of now may share, parents before their children: its salt, what `body`
  /// returned for the page before it (nil at the beginning of a prefix), its tokens and its number.
  public func forEachSharedPage<Place>(
    _ body: (_ salt: String, _ parent: Place?, _ tokens: ArraySlice<TokenID>, _ page: PageID) throws -> Place
  ) rethrows {
    try cache.tree.forEachPageInOrder { (salt, parent: Place??, tokens, page) throws -> Place? in
      guard let salt = RunningSequence.requestSalt(salt, epoch: cacheEpoch) else { return nil }
      return try body(salt, parent ?? nil, tokens, page)
    }
  }

  /// Whether kernels were switched since the start, so that pages are not those of the kernels that were bound first.
  public var hasForgottenPrefixes: Bool { cacheEpoch > 0 }
}
