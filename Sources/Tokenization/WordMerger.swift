/// Applies merges to one piece: repeatedly the pair of the lowest rank, leftmost first, until none is left.
///
/// Pieces up to `shortLimit` symbols are searched linearly; longer ones use a binary heap over a linked list, so that
/// `n` bytes take O(n log n). The storage is reused from piece to piece.
struct WordMerger: ~Copyable {
  private static let shortLimit = 40

  private let merges: MergeTable.Lookup
  /// What stands at each position; for a long piece, at the positions that `next` and `previous` link.
  private var ids: UnsafeMutablePointer<TokenID>
  /// The merge of the symbol at each position with the next one, or `MergeTable.noMerge`.
  private var pairs: UnsafeMutablePointer<UInt64>
  private var next: UnsafeMutablePointer<Int>
  private var previous: UnsafeMutablePointer<Int>
  /// Rank in the upper half, position in the lower. May hold pairs that are gone: those whose rank is not that in
  /// `pairs`. (A pair that is gone does not come back at its position, since symbols only grow.)
  private var heap: UnsafeMutablePointer<UInt64>
  private var heapCount = 0
  private var capacity = 0

  init(_ merges: MergeTable.Lookup) {
    self.merges = merges
    ids = .allocate(capacity: 0)
    pairs = .allocate(capacity: 0)
    next = .allocate(capacity: 0)
    previous = .allocate(capacity: 0)
    heap = .allocate(capacity: 0)
    grow(to: 256)
  }

  deinit { free() }

  private func free() {
    ids.deallocate()
    pairs.deallocate()
    next.deallocate()
    previous.deallocate()
    heap.deallocate()
  }

  private mutating func grow(to count: Int) {
    free()
    capacity = count
    ids = .allocate(capacity: count)
    pairs = .allocate(capacity: count)
    next = .allocate(capacity: count)
    previous = .allocate(capacity: count)
    // Each symbol enters one pair at the start, each merge at most two.
    heap = .allocate(capacity: 3 * count)
  }

  /// Appends to `output` the tokens of `piece`; a byte without a token counts as -1, or not at all when `skipsMissing`.
  @inline(__always)
  mutating func encode(
    _ piece: UnsafeBufferPointer<UInt8>, byteIDs: UnsafePointer<TokenID>, skipsMissing: Bool, to output: inout [TokenID]
  ) {
    if piece.count > capacity { grow(to: max(piece.count, 2 * capacity)) }
    var count = 0
    for byte in piece {
      let id = byteIDs[Int(byte)]
      if id < 0, skipsMissing { continue }
      ids[count] = id
      count += 1
    }
    if count > Self.shortLimit {
      encodeLong(count, to: &output)
    } else if count > 0 {
      encodeShort(count, to: &output)
    }
  }

  private func encodeShort(_ length: Int, to output: inout [TokenID]) {
    var count = length
    for i in 0..<(count - 1) { pairs[i] = merges.merge(ids[i], ids[i + 1]) }
    pairs[count - 1] = MergeTable.noMerge
    while true {
      var best = MergeTable.noMerge, at = 0
      for i in 0..<count where pairs[i] < best { (best, at) = (pairs[i], i) }
      if best == MergeTable.noMerge { break }
      ids[at] = TokenID(truncatingIfNeeded: best)
      count -= 1
      var i = at + 1
      while i < count {
        ids[i] = ids[i + 1]
        pairs[i] = pairs[i + 1]
        i += 1
      }
      pairs[at] = at + 1 < count ? merges.merge(ids[at], ids[at + 1]) : MergeTable.noMerge
      if at > 0 { pairs[at - 1] = merges.merge(ids[at - 1], ids[at]) }
    }
    for i in 0..<count { output.append(ids[i]) }
  }

  private mutating func encodeLong(_ count: Int, to output: inout [TokenID]) {
    heapCount = 0
    for i in 0..<count {
      (next[i], previous[i]) = (i + 1, i - 1)
      setPair(at: i, i + 1 < count ? merges.merge(ids[i], ids[i + 1]) : MergeTable.noMerge)
    }
    while let top = popLowest() {
      let i = Int(top & 0xFFFF_FFFF), merge = pairs[i]
      // `noMerge` has a rank that no merge has.
      guard merge >> 32 == top >> 32 else { continue }
      let gone = next[i], after = next[gone]
      ids[i] = TokenID(truncatingIfNeeded: merge)
      pairs[gone] = MergeTable.noMerge
      next[i] = after
      if after < count { previous[after] = i }
      setPair(at: i, after < count ? merges.merge(ids[i], ids[after]) : MergeTable.noMerge)
      let before = previous[i]
      if before >= 0 { setPair(at: before, merges.merge(ids[before], ids[i])) }
    }
    var i = 0
    while i < count {
      output.append(ids[i])
      i = next[i]
    }
  }

  @inline(__always)
  private mutating func setPair(at i: Int, _ merge: UInt64) {
    pairs[i] = merge
    if merge != MergeTable.noMerge { push(merge & 0xFFFF_FFFF_0000_0000 | UInt64(truncatingIfNeeded: i)) }
  }

  private mutating func push(_ entry: UInt64) {
    var i = heapCount
    heapCount += 1
    while i > 0 {
      let parent = (i - 1) / 2
      if heap[parent] <= entry { break }
      heap[i] = heap[parent]
      i = parent
    }
    heap[i] = entry
  }

  private mutating func popLowest() -> UInt64? {
    guard heapCount > 0 else { return nil }
    let lowest = heap[0]
    heapCount -= 1
    let entry = heap[heapCount]
    var i = 0
    while true {
      var child = 2 * i + 1
      if child >= heapCount { break }
      if child + 1 < heapCount, heap[child + 1] < heap[child] { child += 1 }
      if heap[child] >= entry { break }
      heap[i] = heap[child]
      i = child
    }
    heap[i] = entry
    return lowest
  }
}
