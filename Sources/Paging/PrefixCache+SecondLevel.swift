/// What a preempted sequence keeps in the second level: the pages behind its shared prefix, filled up to a token.
public struct SwappedPages: Sendable, Hashable {
  /// The slots of its pages, in order.
  public let slots: [SlotID]
  /// Tokens before the first of these pages, a multiple of the page size.
  public let start: Int
  /// Tokens up to the end of the last of these pages, which may not be full.
  public let tokenCount: Int
}

extension PrefixCache {
  /// The copies that were decided since the last call, in order; to be made before the pages are used.
  public mutating func takeCopies() -> [PageCopy] {
    defer { copies.removeAll(keepingCapacity: true) }
    return copies
  }

  /// Notes that these slots do not hold what they should: it is not to be found there.
  public mutating func forget(_ lost: Set<SlotID>) {
    for slot in lost.sorted() { secondLevel.forget(slot) }
  }

  /// Puts the pages that only this sequence has into the second level. The pages themselves stay the table's.
  /// - Returns: nil, and nothing happens, when there is nothing to keep or no place for it.
  public mutating func swapOut(_ table: BlockTable, _ lease: PrefixLease?) -> SwappedPages? {
    let start = lease?.tokenCount ?? 0
    let own = table.pages[start / pool.pageSize..<pool.pages(for: table.tokenCount)]
    guard !own.isEmpty, let slots = secondLevel.takeSlots(own.count) else { return nil }
    for (page, slot) in zip(own, slots) { copies.append(.save(page: page, slot: slot)) }
    statistics.savedPages += own.count
    return SwappedPages(slots: slots, start: start, tokenCount: table.tokenCount)
  }

  /// Loads what `swapOut` kept behind what the table has already, and takes the slots back.
  ///
  /// When the table ends before the kept pages begin, because a shared prefix was lost in the meantime, or there are too
  /// few pages, what was kept is given up and must be computed again.
  public mutating func swapIn(_ swapped: SwappedPages, _ table: inout BlockTable) {
    defer { discard(swapped) }
    guard table.tokenCount >= swapped.start, table.tokenCount < swapped.tokenCount else { return }
    let slots = swapped.slots[((table.tokenCount - swapped.start) / pool.pageSize)...]
    guard let pages = allocate(slots.count) else { return }
    for (slot, page) in zip(slots, pages) { copies.append(.load(slot: slot, page: page)) }
    statistics.loadedPages += pages.count
    table.append(pages)
    table.advance(by: swapped.tokenCount - table.tokenCount)
  }

  /// Gives up what `swapOut` kept.
  public mutating func discard(_ swapped: SwappedPages) { secondLevel.returnSlots(swapped.slots) }

  /// Loads the pages of the second level that follow those in the table, as far as there are pages for them.
  mutating func loadFound(_ tokens: [Int32], salt: String, _ table: inout BlockTable, time: Int) {
    guard secondLevel.isEnabled else { return }
    var slots = secondLevel.find(
      tokens, salt: salt, from: table.tokenCount / pool.pageSize, limit: tokens.count - 1)
    if slots.count > availablePages { slots.removeLast(slots.count - availablePages) }
    if slots.isEmpty { return }
    secondLevel.pin(slots)  // the pages for them may be taken from others, which then go to the second level
    if let pages = allocate(slots.count) {
      for (slot, page) in zip(slots, pages) { copies.append(.load(slot: slot, page: page)) }
      statistics.loadedPages += pages.count
      statistics.secondLevelTokens += pages.count * pool.pageSize
      table.append(pages)
      table.advance(by: pages.count * pool.pageSize)
    }
    secondLevel.unpin(slots, time: time)
  }

  /// Saves evicted pages that the second level does not have, the beginning of the run first.
  mutating func save(_ run: EvictedRun) {
    let slots = secondLevel.store(run.tokens, salt: run.salt, lastPages: run.pages.count, time: lastTime)
    for (page, slot) in zip(run.pages, slots) {
      guard let slot else { continue }
      copies.append(.save(page: page, slot: slot))
      statistics.savedPages += 1
    }
  }
}
