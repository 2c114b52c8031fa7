import Paging

extension Scheduler {
  /// Whom to take pages from for an older sequence: of the newer ones, the one whose loss costs least of those that free
  /// enough alone, otherwise the one that costs least for each page. What others hold as well is neither lost nor freed.
  /// - Returns: nil when no running sequence is newer.
  func victim(for handle: Int, missing: Int) -> Int? {
    var best: (handle: Int, isEnough: Bool, cost: Double)?
    for newer in running.reversed() where newer > handle {
      guard let sequence = sequences[newer] else { continue }
      let freed = sequence.table.pages.count { cache.pool.referenceCount(of: $0) == 1 }
      let loss = restoreSeconds(sequence, pages: freed)
      let isEnough = freed >= missing
      let cost = isEnough ? loss : freed == 0 ? .infinity : loss / Double(freed)
      guard let found = best else {
        best = (newer, isEnough, cost)
        continue
      }
      if isEnough != found.isEnough ? isEnough : cost < found.cost { best = (newer, isEnough, cost) }
    }
    return best?.handle
  }

  /// What it takes to get the last `pages` pages of a sequence back.
  private func restoreSeconds(_ sequence: RunningSequence, pages: Int) -> Double {
    let tokens = min(sequence.table.tokenCount, pages * configuration.pageSize)
    let computing = computeSeconds(tokens, after: sequence.table.tokenCount - tokens)
    guard configuration.secondLevelPages > 0, configuration.preemption != .recompute else { return computing }
    return min(computing, 2 * Double(pages) * secondsPerPageCopy)
  }

  /// What computing tokens takes as part of steps that are run anyway.
  private func computeSeconds(_ tokens: Int, after start: Int) -> Double {
    var shape = StepShape()
    shape.add(count: tokens, after: start, rows: 0)
    return stepCosts.costs.seconds(shape) - stepCosts.costs.fixed
  }

  /// Whether it pays to keep what a sequence has for itself when its pages go.
  private func isSwapping(_ sequence: RunningSequence, by method: PreemptionMethod) -> Bool {
    switch method {
    case .recompute: return false
    case .swap: return true
    case .cheapest:
      let shared = sequence.lease?.tokenCount ?? 0
      let own = sequence.table.tokenCount - shared
      let copying = 2 * Double(cache.pool.pages(for: own)) * secondsPerPageCopy
      return copying < computeSeconds(own, after: shared)
    }
  }

  /// Cached pages are saved when they are evicted, unless computing them again is cheaper.
  mutating func weighCopies() {
    guard configuration.secondLevelPages > 0 else { return }
    cache.savesEvictedPages =
      configuration.preemption != .recompute
      && 2 * secondsPerPageCopy < computeSeconds(configuration.pageSize, after: 0)
  }

  /// Takes a sequence's pages; it waits to get them back.
  mutating func preempt(_ handle: Int, by method: PreemptionMethod? = nil) {
    guard let sequence = sequences[handle] else { return }
    if configuration.secondLevelPages > 0, isSwapping(sequence, by: method ?? configuration.preemption) {
      sequences[handle]?.swapped = cache.swapOut(sequence.table, sequence.lease)
      if sequences[handle]?.swapped != nil { swaps += 1 }
    }
    running.removeSorted(handle)
    waiting.insertSorted(handle)
    releasePages(of: handle)
    preemptions += 1
  }

  /// Takes note of copies that could not be made. What was to be loaded is computed again; what was to be saved is lost.
  /// - Parameter failed: for each copy of the batch whether it failed.
  /// - Returns: whether the batch can be run. If not, it is void, as if it had not been scheduled.
  public mutating func noteCopies(_ batch: Batch, failed: [Bool]) -> Bool {
    precondition(failed.count == batch.copies.count, "\(failed.count) outcomes for \(batch.copies.count) copies")
    precondition(hasBatchInFlight, "the batch was not scheduled, or was committed before")
    guard failed.contains(true) else { return true }
    // A page that was not loaded is no better when it is saved again.
    var broken: Set<PageID> = []
    var lost: Set<SlotID> = []
    for (copy, hasFailed) in zip(batch.copies, failed) {
      switch copy {
      case .load(let slot, let page):
        if hasFailed || lost.contains(slot) { broken.insert(page) } else { broken.remove(page) }
        if hasFailed { lost.insert(slot) }
      case .save(let page, let slot):
        if hasFailed || broken.contains(page) { lost.insert(slot) } else { lost.remove(slot) }
      }
    }
    failedCopies += failed.count { $0 }
    cache.forget(lost)
    for handle in running + waiting { discardSwapped(handle) { lost.contains($0) } }
    if broken.isEmpty { return true }
    hasBatchInFlight = false
    for handle in running where sequences[handle]?.table.pages.contains(where: broken.contains) ?? false {
      preempt(handle, by: .recompute)
    }
    return false
  }

  /// Gives up what the second level keeps of a sequence, if `isLost` holds for one of the slots.
  private mutating func discardSwapped(_ handle: Int, where isLost: (SlotID) -> Bool) {
    guard let swapped = sequences[handle]?.swapped, swapped.slots.contains(where: isLost) else { return }
    cache.discard(swapped)
    sequences[handle]?.swapped = nil
  }
}
