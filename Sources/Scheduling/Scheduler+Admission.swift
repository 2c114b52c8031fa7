import Paging

extension Scheduler {
  /// The policies that look prefixes up do so for this many waiting requests, the oldest; a step must not take longer for
  /// a longer queue.
  private static let policyWindow = 128

  /// The waiting sequences in the order in which they are to be admitted.
  func admissionOrder() -> [Int] {
    let candidates = waiting.prefix(Self.policyWindow)
    if configuration.queuePolicy == .firstComeFirstServed { return Array(candidates) }
    // Whoever was admitted before, or overtaken, is not newer than the newest that ever was admitted; of those, fewer than
    // a window waited then, and the others ran: so all that are urgent are among this many.
    let eldest = waiting.prefix(Self.policyWindow + configuration.maxRunning)
    let urgent = eldest.filter { sequences[$0]?.isUrgent(configuration) ?? false }
    let others = candidates.filter { !(sequences[$0]?.isUrgent(configuration) ?? false) }
    switch configuration.queuePolicy {
    case .firstComeFirstServed: return urgent + others
    case .longestPrefixMatch:
      return urgent + sorted(others) { -cache.match($0.tokens, salt: $0.salt).tokenCount }
    case .priority: return urgent + sorted(others) { ~$0.priority }
    case .depthFirstWeight: return urgent + depthFirst(others)
    }
  }

  /// Whether a running sequence is about to compute pages that this one can share, and these are at least a quarter of
  /// its own: then it waits for them instead of computing them too. Whoever is urgent does not wait.
  func awaitsPrefill(_ sequence: RunningSequence, found: Int) -> Bool {
    let shareable = (sequence.tokens.count - 1) & ~(configuration.pageSize - 1)
    guard configuration.prefixCaching, found < shareable, !sequence.isUrgent(configuration) else { return false }
    for handle in running {
      guard let other = sequences[handle], !other.isDecoding, other.salt == sequence.salt else { continue }
      let common = TokenRun.commonPrefix(
        other.tokens, from: 0, sequence.tokens, from: 0, count: min(other.tokens.count, shareable))
      let shared = common & ~(configuration.pageSize - 1)
      if shared > found, shared * 4 >= sequence.tokens.count { return true }
    }
    return false
  }

  /// Lets a waiting sequence run: takes the pages of its prefix that are in the cache.
  /// - Returns: whether a sequence that was overtaken by it became urgent.
  mutating func admit(_ handle: Int) -> Bool {
    guard var sequence = sequences[handle] else { return false }
    (sequence.table, sequence.lease) = cache.acquire(
      sequence.tokens, salt: sequence.salt, priority: sequence.priority, time: clock, isCounted: !sequence.wasAdmitted)
    if let swapped = sequence.swapped {
      cache.swapIn(swapped, &sequence.table)
      sequence.swapped = nil
    }
    if !sequence.wasAdmitted { sequence.cachedTokens = sequence.table.tokenCount }
    sequence.wasAdmitted = true
    sequences[handle] = sequence
    waiting.removeSorted(handle)
    running.insertSorted(handle)
    var someBecameUrgent = false
    for older in waiting.prefix(while: { $0 < handle }) {
      let count = (sequences[older]?.overtakes ?? 0) + 1
      sequences[older]?.overtakes = count
      if count == configuration.maxOvertakes { someBecameUrgent = true }
    }
    return someBecameUrgent
  }

  /// Sorts by a value, and by arrival where it is equal.
  private func sorted(_ handles: [Int], by value: (RunningSequence) -> Int) -> [Int] {
    let values = handles.map { sequences[$0].map(value) ?? 0 }
    return zip(values, handles).sorted { $0 < $1 }.map { $0.1 }
  }

  /// Orders sequences along the tree. They are compared at the first node where their prefixes part: the node with more
  /// waiting sequences goes first, of equals the one with the oldest. On one branch, longer prefixes go first.
  private func depthFirst(_ handles: [Int]) -> [Int] {
    var branches: [RadixNodeID: (weight: Int, oldest: Int)] = [:]
    var paths: [(handle: Int, nodes: [RadixNodeID], tokenCount: Int)] = []
    for handle in handles {
      guard let sequence = sequences[handle] else { continue }
      let (nodes, tokenCount) = cache.path(of: sequence.tokens, salt: sequence.salt)
      for node in nodes { branches[node, default: (0, handle)].weight += 1 }
      paths.append((handle, nodes, tokenCount))
    }
    return paths.sorted { a, b in
      for (left, right) in zip(a.nodes, b.nodes) where left != right {
        let (one, other) = (branches[left] ?? (0, 0), branches[right] ?? (0, 0))
        return one.weight != other.weight ? one.weight > other.weight : one.oldest < other.oldest
      }
      return a.tokenCount != b.tokenCount ? a.tokenCount > b.tokenCount : a.handle < b.handle
    }.map(\.handle)
  }
}
