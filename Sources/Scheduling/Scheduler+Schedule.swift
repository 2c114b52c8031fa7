import Paging

extension Scheduler {
  /// One sequence's share of the step that is being put together.
  private struct Grant {
    let handle: Int
    let tokens: Int
  }

  /// Puts the next step together: every decoding sequence, then chunks of prompts, oldest first, then waiting requests
  /// in the order of the policy, within the token budget.
  ///
  /// Each batch must be handed to `commit` or `fail` before the next is asked for.
  /// - Returns: nil exactly when no request is live.
  public mutating func schedule() -> Batch? {
    precondition(!hasBatchInFlight, "the last batch was neither committed nor failed")
    clock += 1
    var budget = configuration.maxBatchTokens
    var grants: [Grant] = []
    grantRunning(&grants, &budget, decoding: true)
    grantRunning(&grants, &budget, decoding: false)
    admitWaiting(&grants, &budget)
    guard !grants.isEmpty else {
      precondition(sequences.isEmpty, "the oldest sequence was not scheduled")
      return nil
    }
    hasBatchInFlight = true
    return Batch(sequences: grants.compactMap { batchSequence($0) }, pageSize: configuration.pageSize)
  }

  /// Gives tokens and pages to the running sequences of one phase. Preemption shortens `running` from its end.
  private mutating func grantRunning(_ grants: inout [Grant], _ budget: inout Int, decoding: Bool) {
    var index = 0
    while index < running.count, budget > 0 {
      let handle = running[index]
      index += 1
      guard let sequence = sequences[handle], sequence.isDecoding == decoding else { continue }
      let tokens = makeRoom(for: handle, wanted: min(sequence.remaining, budget), &grants, &budget)
      guard tokens > 0 else { continue }  // stalls with its pages until older sequences finish or take them
      grants.append(Grant(handle: handle, tokens: tokens))
      budget -= tokens
    }
  }

  /// Admits waiting sequences while all tokens they have find pages. Sequences that run come before: one of them lacks
  /// pages only when there are none.
  private mutating func admitWaiting(_ grants: inout [Grant], _ budget: inout Int) {
    guard budget > 0, running.count < configuration.maxRunning, !waiting.isEmpty else { return }
    var isOrderStale = true
    while isOrderStale {
      isOrderStale = false
      for handle in admissionOrder() {
        guard budget > 0, running.count < configuration.maxRunning, let sequence = sequences[handle] else { return }
        let found = cache.match(sequence.tokens, salt: sequence.salt)
        if awaitsPrefill(sequence, found: found.tokenCount) { continue }
        // One token more than it has: otherwise a sequence that was just preempted could come back only to go again.
        let missing = cache.pool.pages(for: sequence.tokens.count + 1) - found.tokenCount / configuration.pageSize
        guard missing <= cache.availablePages - found.idlePages else { return }
        isOrderStale = admit(handle)
        let tokens = makeRoom(for: handle, wanted: min(remaining(handle), budget), &grants, &budget)
        grants.append(Grant(handle: handle, tokens: tokens))
        budget -= tokens
        if isOrderStale { break }
      }
    }
  }

  private func remaining(_ handle: Int) -> Int { sequences[handle]?.remaining ?? 0 }

  /// Allocates the pages for the next `wanted` tokens of a running sequence; cached pages are evicted for them. When
  /// there are none left, newer sequences give theirs back, the newest first; when no sequence is newer, a chunk shrinks
  /// to the pages there are.
  /// - Returns: the tokens that have pages now, from 0 to `wanted`.
  private mutating func makeRoom(
    for handle: Int, wanted: Int, _ grants: inout [Grant], _ budget: inout Int
  ) -> Int {
    guard let table = sequences[handle]?.table else { return 0 }
    let missing = table.missingPages(for: table.tokenCount + wanted)
    while cache.availablePages < missing, let newest = running.last, newest != handle {
      preempt(newest)
      grants.removeAll { grant in
        guard grant.handle == newest else { return false }
        budget += grant.tokens
        return true
      }
    }
    let count = min(missing, cache.availablePages)
    guard let pages = cache.allocate(count) else { return 0 }
    sequences[handle]?.table.append(pages)  // the table holds the pages from here on
    return min(wanted, table.capacity + count * configuration.pageSize - table.tokenCount)
  }

  private func batchSequence(_ grant: Grant) -> BatchSequence? {
    guard let sequence = sequences[grant.handle] else { return nil }
    let start = sequence.table.tokenCount
    let end = start + grant.tokens
    return BatchSequence(
      handle: grant.handle, tokens: Array(sequence.tokens[start..<end]), startPosition: start,
      pages: sequence.table.pages, samples: end == sequence.tokens.count)
  }
}
