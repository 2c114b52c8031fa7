/// A broken promise of a `PagePool`: a fault in the program, never in its input.
public struct PagePoolViolation: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
}

extension PagePool {
  /// Checks that each page is either free, held or cached and that the counters agree. O(pages); for tests.
  public func checkInvariants() throws(PagePoolViolation) {
    var isFree = [Bool](repeating: false, count: pageCount)
    for page in free {
      guard page >= 0, Int(page) < pageCount else {
        throw PagePoolViolation(description: "free page \(page) is not in 0..<\(pageCount)")
      }
      guard !isFree[Int(page)] else { throw PagePoolViolation(description: "page \(page) is free twice") }
      isFree[Int(page)] = true
    }
    var (held, cached) = (0, 0)
    for page in 0..<pageCount {
      let count = references[page]
      guard count >= 0 else { throw PagePoolViolation(description: "page \(page) has \(count) references") }
      guard isFree[page] == (count == 0 && !isKept[page]) else {
        throw PagePoolViolation(
          description: "page \(page) has \(count) references, free is \(isFree[page]), kept is \(isKept[page])")
      }
      if count > 0 { held += 1 } else if isKept[page] { cached += 1 }
    }
    guard held == heldCount, cached == cachedCount, freeCount + heldCount + cachedCount == pageCount else {
      throw PagePoolViolation(
        description:
          "\(freeCount) free + \(heldCount) held (\(held) counted) + \(cachedCount) cached (\(cached) counted)"
          + " ≠ \(pageCount) pages")
    }
  }
}
