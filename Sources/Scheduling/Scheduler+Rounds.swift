import Paging

extension Scheduler {
  /// How many steps the batch may be followed up to without a new decision: pages are set aside for that many tokens of
  /// each sequence, as far as that takes nothing from anybody.
  mutating func reserveRounds(_ plan: borrowing StepPlan) -> Int {
    guard configuration.decodeRounds > 1, waiting.isEmpty, plan.hasDecoding, !plan.hasPrefill,
      plan.grants.count == running.count
    else { return 1 }
    for grant in plan.grants {
      guard let sequence = sequences[grant.handle] else { continue }
      let left = sequence.outputLimit - sequence.outputCount
      let ahead = min(configuration.decodeRounds, left) + configuration.draftTokens
      extend(grant.handle, to: min(sequence.table.tokenCount + ahead, configuration.contextLength))
    }
    return configuration.decodeRounds
  }

  /// Takes free pages for further tokens, as far as there are any; nothing is evicted for them.
  mutating func extend(_ handle: Int, to tokenCount: Int) {
    guard let missing = sequences[handle]?.table.missingPages(for: tokenCount), missing > 0,
      let pages = cache.allocate(min(missing, cache.pool.freeCount))
    else { return }
    sequences[handle]?.table.append(pages)
  }

  /// The next step of a batch with `rounds`, decided by nothing but its outcome: the sequences that are still live go on
  /// decoding. Asked for after `commit`.
  /// - Returns: nil when something needs a decision: a request waits, or a sequence needs another page.
  public mutating func scheduleNext(after batch: Batch) -> Batch? {
    precondition(!hasBatchInFlight, "the last batch was neither committed nor failed")
    guard waiting.isEmpty, !running.isEmpty else { return nil }
    for handle in running {
      guard let sequence = sequences[handle], sequence.isDecoding,
        sequence.table.capacity > sequence.table.tokenCount
      else { return nil }
    }
    clock += 1
    var plan = StepPlan(budget: configuration.maxBatchTokens)
    for handle in running {
      guard let start = sequences[handle]?.table.tokenCount else { continue }
      plan.add(Grant(handle: handle, start: start, tokens: 1, rows: 1, isDecoding: true))
    }
    plan.hasDecoding = true
    addDrafts(&plan)
    hasBatchInFlight = true
    return Batch(
      sequences: plan.grants.compactMap { batchSequence($0) }, pageSize: configuration.pageSize,
      copies: cache.takeCopies(), rounds: batch.rounds - 1)
  }
}
