import Paging

extension Scheduler {
  /// One sequence's share of the step that is being put together.
  private struct Grant {
    let handle: Int
    let tokens: Int
  }

  /// Puts the next step together: every decoding sequence, then chunks of prompts, oldest first, within the token budget.
  ///
  /// Each batch must be handed to `commit` or `fail` before the next is asked for.
  /// - Returns: nil exactly when no request is live.
  public mutating func schedule() -> Batch? {
    precondition(!hasBatchInFlight, "the last batch was neither committed nor failed")
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

  /// Admits waiting sequences while all tokens they have find free pages. Sequences that run come before: one of them
  /// lacks pages only when none is free.
  private mutating func admitWaiting(_ grants: inout [Grant], _ budget: inout Int) {
    while budget > 0, running.count < configuration.maxRunning, let handle = waiting.first,
      let sequence = sequences[handle]
    {
      // One token more than it has: otherwise a sequence that was just preempted could come back only to go again.
      let needed = pool.pages(for: sequence.tokens.count + 1)
      guard needed <= pool.freeCount else { return }
      waiting.removeFirst()
      running.append(handle)
      let tokens = makeRoom(for: handle, wanted: min(sequence.remaining, budget), &grants, &budget)
      grants.append(Grant(handle: handle, tokens: tokens))
      budget -= tokens
    }
  }

  /// Allocates the pages for the next `wanted` tokens of a running sequence. When the pool is dry, newer sequences
  /// give their pages back, the newest first; when there are none, a chunk shrinks to the pages there are.
  /// - Returns: the tokens that have pages now, from 0 to `wanted`.
  private mutating func makeRoom(
    for handle: Int, wanted: Int, _ grants: inout [Grant], _ budget: inout Int
  ) -> Int {
    guard let table = sequences[handle]?.table else { return 0 }
    let end = table.tokenCount + wanted
    while pool.freeCount < table.missingPages(for: end), let newest = running.last, newest != handle {
      preempt(newest)
      grants.removeAll { grant in
        guard grant.handle == newest else { return false }
        budget += grant.tokens
        return true
      }
    }
    let count = min(table.missingPages(for: end), pool.freeCount)
    guard let pages = pool.allocate(count) else { return 0 }
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
