import Paging

extension Scheduler {
  /// The smallest chunk of a prompt that a step takes, however late it gets: a prompt must come to its end, too.
  static let leastChunk = 4
  /// The fewest pages that a step loads, if there are any to load.
  private static let leastLoads = 8

  /// How long a step may take that others wait for: not all of the target, since a token still has to reach its reader.
  /// One that can shed has room for short stalls.
  var stepTarget: Double? {
    configuration.interTokenTarget.map { $0 * (mayShed ? min(0.95, margin.part) : 0.98) }
  }

  /// Puts the next step together: every decoding sequence, then chunks of prompts, oldest first, then waiting requests
  /// in the order of the policy, within the token budget and the time between tokens.
  ///
  /// Each batch must be handed to `commit` or `fail` before the next is asked for.
  /// - Returns: nil exactly when no request is live.
  public mutating func schedule() -> Batch? {
    precondition(!hasBatchInFlight, "the last batch was neither committed nor failed")
    clock += 1
    weighCopies()
    let resumes = !shedGrants.isEmpty
    if !resumes { (shedProgress, shedSteps, setbacks) = (0, 0, 0) }
    defer { shedGrants = [] }
    var plan = StepPlan(budget: configuration.maxBatchTokens)
    grantRunning(&plan, decoding: true)
    grantRunning(&plan, decoding: false)
    admitWaiting(&plan)
    guard !plan.grants.isEmpty else {
      precondition(sequences.isEmpty, "the oldest sequence was not scheduled")
      return nil
    }
    if resumes { plan.order(shedGrants.map(\.handle)) }
    let rounds = reserveRounds(plan)
    addDrafts(&plan)
    let limit = limit(plan)
    hasBatchInFlight = true
    return Batch(
      sequences: plan.grants.compactMap { batchSequence($0) }, pageSize: configuration.pageSize,
      copies: cache.takeCopies(), rounds: rounds, limit: limit, resumes: resumes)
  }

  /// Gives tokens and pages to the running sequences of one phase. Preemption takes sequences out of `running` that are
  /// behind the one that needs their pages.
  private mutating func grantRunning(_ plan: inout StepPlan, decoding: Bool) {
    var index = 0
    while index < running.count, plan.budget > 0 {
      let handle = running[index]
      index += 1
      let wasLoading = sequences[handle]?.isLoading ?? false
      if wasLoading, !decoding { load(handle, &plan) }
      guard let sequence = sequences[handle], !sequence.isLoading, sequence.isDecoding == decoding || wasLoading else {
        continue
      }
      let start = sequence.table.tokenCount
      var wanted = min(sequence.remaining, plan.budget)
      if !decoding {
        let shed = shedGrants.first { $0.handle == handle }
        wanted = shed.map { min($0.tokens, wanted) } ?? chunk(wanted, after: start, &plan)
      }
      let tokens = wanted > 0 ? makeRoom(for: handle, wanted: wanted, &plan) : 0
      guard tokens > 0 else { continue }  // stalls with its pages until older sequences finish or take them
      grant(handle, start: start, tokens: tokens, isDecoding: decoding, &plan)
    }
  }

  /// How many pages may be loaded in this step without anybody waiting too long for a token; a few in any case.
  private func loadLimit(_ plan: borrowing StepPlan) -> Int {
    guard let target = stepTarget, plan.hasDecoding, secondsPerPageCopy > 0 else { return .max }
    let left = target - upperBound(plan.shape) - plan.copySeconds
    return max(Self.leastLoads, Int(left / secondsPerPageCopy))
  }

  /// Loads more of a sequence's pages that the second level has. Until all are there, nothing is computed for it.
  private mutating func load(_ handle: Int, _ plan: inout StepPlan) {
    guard var sequence = sequences[handle], sequence.isLoading else { return }
    let limit = loadLimit(plan)
    let count = cache.loadFound(sequence.tokens, salt: sequence.salt, &sequence.table, limit: limit, time: clock)
    plan.copySeconds += Double(count) * secondsPerPageCopy
    sequence.isLoading = count >= limit && sequence.remaining > 1
    sequences[handle] = sequence
  }

  private mutating func grant(_ handle: Int, start: Int, tokens: Int, isDecoding: Bool, _ plan: inout StepPlan) {
    let isLast = sequences[handle].map { start + tokens == $0.tokens.count } ?? false
    plan.add(Grant(handle: handle, start: start, tokens: tokens, rows: isLast ? 1 : 0, isDecoding: isDecoding))
    if isDecoding { plan.hasDecoding = true } else { plan.hasPrefill = true }
  }

  /// How many of a prompt's next tokens the step takes, if others wait for their tokens in it: those it has time for, or
  /// those that several steps have time for, some layers in each. Nothing comes behind chunks that are between two layers.
  private func chunk(_ wanted: Int, after start: Int, _ plan: inout StepPlan) -> Int {
    if !shedGrants.isEmpty, plan.hasDecoding || plan.hasPrefill { return 0 }
    guard let stepTarget, plan.hasDecoding else { return wanted }
    let shape = plan.shape, copySeconds = plan.copySeconds
    if !plan.hasPrefill { plan.target = reachable(stepTarget, beside: stepCosts.expected(shape) + copySeconds) }
    let target = plan.target ?? stepTarget
    let fitting = Self.most(wanted) { count in
      let whole = shape.adding(count, after: start)
      // Where the target is out of reach, none is kept by being careful.
      return (target > stepTarget ? stepCosts.expected(whole) : upperBound(whole)) + copySeconds <= target
    }
    if fitting == wanted { return wanted }
    if mayShed, !plan.hasPrefill { plan.spreadSeconds = spreadSeconds(wanted, after: start, plan) }
    let spread = plan.spreadSeconds.map { seconds in
      Self.most(wanted) { stepCosts.expected(shape.adding($0, after: start)) + copySeconds <= seconds }
    }
    return max(fitting, spread ?? 0, plan.hasPrefill ? 0 : min(wanted, Self.leastChunk))
  }

  /// The largest number up to `limit` that fits; 0 if none does.
  private static func most(_ limit: Int, fits: (Int) -> Bool) -> Int {
    var (most, exceeds) = (0, limit + 1)
    while exceeds - most > 1 {
      let count = (most + exceeds) / 2
      if fits(count) { most = count } else { exceeds = count }
    }
    return most
  }

  /// Admits waiting sequences while all tokens they have find pages. Sequences that run come before: one of them lacks
  /// pages only when there are none.
  private mutating func admitWaiting(_ plan: inout StepPlan) {
    guard plan.budget > 0, running.count < configuration.maxRunning, !waiting.isEmpty else { return }
    var isOrderStale = true
    while isOrderStale {
      isOrderStale = false
      for handle in admissionOrder() {
        guard plan.budget > 0, running.count < configuration.maxRunning, let sequence = sequences[handle] else {
          return
        }
        let found = cache.match(sequence.tokens, salt: sequence.salt)
        if awaitsPrefill(sequence, found: found.tokenCount) { continue }
        // One token more than it has: otherwise a sequence that was just preempted could come back only to go again.
        let missing = cache.pool.pages(for: sequence.tokens.count + 1) - found.tokenCount / configuration.pageSize
        guard missing <= cache.availablePages - found.idlePages else { return }
        let rest = min(sequence.tokens.count - found.tokenCount, plan.budget)
        guard chunk(rest, after: found.tokenCount, &plan) > 0 else { return }
        isOrderStale = admit(handle, loadLimit: loadLimit(plan))
        plan.copySeconds += Double(sequences[handle]?.ownPages ?? 0) * secondsPerPageCopy
        if sequences[handle]?.isLoading ?? false {
          if isOrderStale { break }
          continue
        }
        let start = sequences[handle]?.table.tokenCount ?? 0
        let wanted = max(1, chunk(min(remaining(handle), plan.budget), after: start, &plan))
        let tokens = makeRoom(for: handle, wanted: wanted, &plan)
        grant(handle, start: start, tokens: tokens, isDecoding: false, &plan)
        if isOrderStale { break }
      }
    }
  }

  private func remaining(_ handle: Int) -> Int { sequences[handle]?.remaining ?? 0 }

  /// Allocates the pages for the next `wanted` tokens of a running sequence; cached pages are evicted for them. When
  /// there are none left, newer sequences give theirs back, the one that costs least first; when no sequence is newer, a
  /// chunk shrinks to the pages there are.
  /// - Returns: the tokens that have pages now, from 0 to `wanted`.
  private mutating func makeRoom(for handle: Int, wanted: Int, _ plan: inout StepPlan) -> Int {
    // Numbers, not a copy of the table: it would be copied with all its pages when one is added.
    guard let (start, capacity) = sequences[handle].map({ ($0.table.tokenCount, $0.table.capacity) }) else { return 0 }
    let missing = max(0, cache.pool.pages(for: start + wanted) - capacity / configuration.pageSize)
    while cache.availablePages < missing, let victim = victim(for: handle, missing: missing - cache.availablePages) {
      preempt(victim)
      plan.remove(victim)
    }
    let count = min(missing, cache.availablePages)
    guard let pages = cache.allocate(count) else { return 0 }
    sequences[handle]?.table.append(pages)  // the table holds the pages from here on
    return min(wanted, capacity + count * configuration.pageSize - start)
  }

  func batchSequence(_ grant: Grant) -> BatchSequence? {
    guard let sequence = sequences[grant.handle] else { return nil }
    let end = grant.start + grant.tokens
    let pages = cache.pool.pages(for: end + grant.drafts.count), held = sequence.table.pages
    return BatchSequence(
      handle: grant.handle, tokens: sequence.tokens[grant.start..<end] + grant.drafts, startPosition: grant.start,
      pages: pages == held.count ? held : Array(held[..<pages]), samples: end == sequence.tokens.count,
      drafts: grant.drafts.count)
  }
}
