/// Which pages lie in the second level: a bounded store of slots, each as large as a page, outside of KV memory.
///
/// ```
///   salt ""                                        one entry for each page of tokens, below that of the page before it
///     └─ [9 8 7 6] slot 3
///          └─ [5 4 3 2] no slot: in KV memory, or lost
///               └─ [1 1 1 1] slot 0                found by whoever has the pages before it
/// ```
///
/// Pages come here when KV memory gives them up, the end of a prefix before its beginning; so an entry may lack a slot
/// while one below it has one. Slots are also lent to preempted sequences, for pages that nobody else knows.
///
/// The index knows numbers only: whoever calls `store` has the bytes copied. Tokens are compared, never only hashes.
/// The entry that was used least recently goes first, of one prefix the end before the beginning.
///
/// Invariants: see `checkInvariants`. Every operation takes time linear in the pages of the prefix it names, and
/// O(log slots) for each slot.
public struct SecondLevel: ~Copyable {
  struct Entry {
    /// -1 for a root.
    var parent: Int32
    var hash = 0
    /// In roots only.
    var salt = ""
    /// -1 when the page is not here.
    var slot: SlotID = -1
    var childCount = 0
    /// Pages before this one.
    var depth = 0
  }

  /// Slots that there are; 0 switches the second level off.
  public let slotCount: Int
  /// Tokens in a page.
  public let pageSize: Int
  /// Slots that are held are lent, or about to be loaded from; cached ones belong to entries.
  var slots: PagePool
  var entries: [Entry] = []
  /// [entries, page size]
  var tokens: [Int32] = []
  var unused: [Int32] = []
  var roots: [String: Int32] = [:]
  var children = ChildTable()
  /// The entries whose slots are cached.
  var queue = EvictionQueue()
  /// The entry of each slot, or -1.
  var owners: [Int32]

  /// An empty index.
  /// - Throws: `PagingError` when the sizes are out of range.
  public init(slotCount: Int, pageSize: Int) throws(PagingError) {
    (self.slotCount, self.pageSize) = (max(0, slotCount), pageSize)
    slots = try PagePool(pageCount: max(1, slotCount), pageSize: pageSize)
    owners = Array(repeating: -1, count: max(1, slotCount))
  }

  public var isEnabled: Bool { slotCount > 0 }
  /// Slots with pages that a request may find.
  public var cachedCount: Int { slots.cachedCount }
  /// Slots that are lent to preempted sequences.
  public var lentCount: Int { slots.heldCount }

  // MARK: Prefixes

  /// The slots of the pages of `tokens` from page number `first` on, as many as follow each other here.
  /// - Parameter limit: only pages within the first `limit` tokens are looked for.
  func find(_ tokens: [Int32], salt: String, from first: Int, limit: Int) -> [SlotID] {
    guard isEnabled, var at = roots[salt] else { return [] }
    var found: [SlotID] = []
    for page in 0..<min(limit, tokens.count) / pageSize {
      guard let child = child(of: at, tokens, page: page) else { break }
      at = child
      guard page >= first else { continue }
      guard entries[Int(at)].slot >= 0 else { break }
      found.append(entries[Int(at)].slot)
    }
    return found
  }

  /// Makes places for the last `count` pages of `tokens`, as far as there are slots, the first ones first.
  /// - Returns: for each of these pages the slot to save it to; nil when it is here already, or when no slot is left.
  mutating func store(_ tokens: [Int32], salt: String, lastPages count: Int, time: Int) -> [SlotID?] {
    let (first, end) = (tokens.count / pageSize - count, tokens.count / pageSize)
    guard isEnabled else { return Array(repeating: nil, count: count) }
    var at: Int32? = root(salt)
    var isKnown = [Bool](repeating: false, count: count)
    for page in 0..<end {
      guard let parent = at, let child = child(of: parent, tokens, page: page) else { break }
      at = child
      guard page >= first, entries[Int(child)].slot >= 0 else { continue }
      isKnown[page - first] = true
      touch(entries[Int(child)].slot, time)
    }
    // The slots before the places: making room may take entries away, also those that the path to these consists of.
    let missing = isKnown.count { !$0 }
    var slots = (takeSlots(min(missing, slots.freeCount + slots.cachedCount)) ?? [])[...]
    var result = [SlotID?](repeating: nil, count: count)
    var parent = root(salt)
    for page in 0..<end {
      if slots.isEmpty { break }
      let child = child(of: parent, tokens, page: page) ?? add(tokens, page: page, below: parent)
      if page >= first, entries[Int(child)].slot < 0, let slot = slots.popFirst() {
        place(slot, at: child, time)
        result[page - first] = slot
      }
      parent = child
    }
    self.slots.release(Array(slots))
    prune(root(salt))
    return result
  }

  private mutating func place(_ slot: SlotID, at entry: Int32, _ time: Int) {
    entries[Int(entry)].slot = slot
    owners[Int(slot)] = entry
    slots.keep([slot])
    slots.release([slot])
    queue.insert(entry, key(entry, time))
  }

  /// Keeps found slots from being given to others until `unpin`.
  mutating func pin(_ found: [SlotID]) {
    slots.retain(found)
    for slot in found { queue.remove(owners[Int(slot)]) }
  }

  /// The pages in these slots were used now, and may go again.
  mutating func unpin(_ found: [SlotID], time: Int) {
    slots.release(found)
    for slot in found { queue.insert(owners[Int(slot)], key(owners[Int(slot)], time)) }
  }

  /// Forgets what is in a slot, because it could not be written or read.
  mutating func forget(_ slot: SlotID) {
    let entry = owners[Int(slot)]
    guard entry >= 0, queue.contains(entry) else { return }
    remove(entry)
  }

  /// Forgets all prefixes; slots that are lent stay so.
  mutating func clear() {
    while let entry = queue.first { remove(entry) }
  }

  // MARK: Slots of preempted sequences

  /// Lends slots, or none when there are too few; prefixes make way.
  mutating func takeSlots(_ count: Int) -> [SlotID]? {
    guard isEnabled, count <= slots.freeCount + slots.cachedCount else { return nil }
    while slots.freeCount < count, let entry = queue.first { remove(entry) }
    return slots.allocate(count)
  }

  /// Takes lent slots back.
  mutating func returnSlots(_ lent: [SlotID]) { slots.release(lent) }

  // MARK: Parts

  private func key(_ entry: Int32, _ time: Int) -> EvictionKey {
    EvictionKey(first: time, second: -entries[Int(entry)].depth)
  }

  private mutating func touch(_ slot: SlotID, _ time: Int) {
    let entry = owners[Int(slot)]
    guard queue.contains(entry) else { return }
    queue.remove(entry)
    queue.insert(entry, key(entry, time))
  }

  func child(of parent: Int32, _ tokens: [Int32], page: Int) -> Int32? {
    guard entries[Int(parent)].childCount > 0 else { return nil }
    let hash = TokenRun.hash(below: parent, tokens, from: page * pageSize, count: pageSize)
    return children.first(hash) { entry in
      entries[Int(entry)].parent == parent
        && TokenRun.commonPrefix(
          self.tokens, from: Int(entry) * pageSize, tokens, from: page * pageSize, count: pageSize) == pageSize
    }
  }

  private mutating func root(_ salt: String) -> Int32 {
    if let root = roots[salt] { return root }
    var entry = Entry(parent: -1)
    (entry.salt, entry.depth) = (salt, -1)
    let root = place(entry)
    roots[salt] = root
    return root
  }

  private mutating func add(_ tokens: [Int32], page: Int, below parent: Int32) -> Int32 {
    var entry = Entry(parent: parent)
    entry.hash = TokenRun.hash(below: parent, tokens, from: page * pageSize, count: pageSize)
    entry.depth = page
    entries[Int(parent)].childCount += 1
    let index = place(entry)
    self.tokens.replaceSubrange(
      Int(index) * pageSize..<(Int(index) + 1) * pageSize, with: tokens[page * pageSize..<(page + 1) * pageSize])
    children.insert(index, entry.hash)
    return index
  }

  private mutating func place(_ entry: Entry) -> Int32 {
    if let index = unused.popLast() {
      entries[Int(index)] = entry
      return index
    }
    entries.append(entry)
    tokens += repeatElement(0, count: pageSize)
    return Int32(entries.count - 1)
  }

  /// Takes the page of an entry away.
  private mutating func remove(_ entry: Int32) {
    queue.remove(entry)
    let slot = entries[Int(entry)].slot
    slots.drop([slot])
    owners[Int(slot)] = -1
    entries[Int(entry)].slot = -1
    prune(entry)
  }

  /// Takes away an entry that leads nowhere, and those above it that lead nowhere then.
  private mutating func prune(_ entry: Int32) {
    var at = entry
    while entries[Int(at)].slot < 0, entries[Int(at)].childCount == 0 {
      let parent = entries[Int(at)].parent
      if parent < 0 {
        roots[entries[Int(at)].salt] = nil
      } else {
        children.remove(at, entries[Int(at)].hash)
        entries[Int(parent)].childCount -= 1
      }
      entries[Int(at)] = Entry(parent: -1)
      unused.append(at)
      if parent < 0 { return }
      at = parent
    }
  }
}
