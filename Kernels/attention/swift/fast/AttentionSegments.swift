// The segments of a row: softmax states over positions 0 ..< 256, 256 ..< 512 …, merged in ascending order.
//
//     position   0        256       512       768
//     row        |--- s0 ---|--- s1 ---|- s2 -|
//     result     ((s0 + s1) + s2), whichever units computed them
//
// A unit merges its segments as it goes. Where several units have the same rows, the first of them leaves what it merged,
// the others leave the state of each of their segments, and `mergeAttention` merges all: the same sums in the same order.
// Behind a common prefix units may have some of the rows each; they write to the same states.
//
// Merging a row costs 2 D multiply-adds and two exponentials a segment: under 2 % of the segment.
import CPUIntrinsics

extension AttentionState {
  /// Cuts memory of rows * (padded + 2) floats; `rows` is a multiple of 16.
  @inline(__always)
  init(_ memory: UnsafeMutablePointer<Float>, _ rows: Int, _ padded: Int) {
    let maxima = memory + rows &* padded
    self.init(sums: memory, maxima: maxima, totals: maxima + rows)
  }

  /// Rows from `first` on of one of several states of `rows` rows each, one behind the other.
  @inline(__always)
  init(_ number: Int, in states: UnsafeMutablePointer<Float>, rows: Int, first: Int, _ padded: Int) {
    let floats = attentionStateFloats(rows: rows, headDimension: padded)
    let whole = AttentionState(states + number &* floats, wholeVectors(rows), padded)
    self.init(sums: whole.sums + first &* padded, maxima: whole.maxima + first, totals: whole.totals + first)
  }

  /// Behind the memory of a state of so many rows.
  @inline(__always)
  func end(_ rows: Int) -> UnsafeMutablePointer<Float> { totals + rows }
}

/// Floats of the states of `rows` rows of one segment.
public func attentionStateFloats(rows: Int, headDimension: Int) -> Int {
  wholeVectors(rows) &* (wholeVectors(headDimension) &+ 2)
}

@inline(__always)
private func wholeVectors(_ count: Int) -> Int { (count &+ 15) & ~15 }

extension AttentionState {
  /// Rows `first ..< first + count` have seen nothing.
  @inline(__always)
  func clear(_ first: Int, _ count: Int, _ padded: Int) {
    for row in first..<(first &+ count) { (maxima[row], totals[row]) = (-.infinity, 0) }
    var i = first &* padded
    while i < (first &+ count) &* padded {
      store(Lanes(), sums + i)
      i &+= 16
    }
  }

  /// Whether rows `first ..< first + count` have seen nothing.
  @inline(__always)
  func isEmpty(_ first: Int, _ count: Int) -> Bool {
    for row in first..<(first &+ count) where totals[row] != 0 { return false }
    return true
  }
}

extension AttentionBlocks {
  /// Whether the unit merges its segments as it goes.
  @inline(__always) var merges: Bool { span.states == nil || span.isFirst }

  /// The unit's memory for the state of the segment that begins at `position`; of the first unit, for all of its.
  @inline(__always)
  func state(at position: Int) -> AttentionState {
    let number = (position &- span.from) / attention_segment
    return AttentionState(
      number, in: span.states.unsafelyUnwrapped, rows: span.stateRows, first: span.firstRow, shape.padded)
  }
}

/// Says that the rows of a unit that keeps its segments apart have seen nothing yet.
@inline(__always)
func beginStates(_ blocks: AttentionBlocks) {
  if blocks.merges { return }
  for position in stride(from: blocks.span.from, to: blocks.span.to, by: attention_segment) {
    let state = blocks.state(at: position)
    for r in 0..<blocks.rows { state.totals[r] = 0 }
  }
}

/// Ends the segment of rows `first ..< first + count` that are about to see `position`, if a segment begins there.
@inline(__always)
func endSegment(_ blocks: AttentionBlocks, _ first: Int, _ count: Int, before position: Int) {
  if position & (attention_segment &- 1) == 0 && position > blocks.span.from && count > 0 {
    keepSegment(blocks, first, count, at: position)
    blocks.scratch.segment.clear(first, count, blocks.shape.padded)
  }
}

/// Takes what rows `first ..< first + count` have seen since their segment began to where it belongs.
/// - at: the rows have seen nothing of this segment from here on.
@inline(never)
func keepSegment(_ blocks: AttentionBlocks, _ first: Int, _ count: Int, at end: Int) {
  let padded = blocks.shape.padded, scratch = blocks.scratch, segment = scratch.segment
  if blocks.merges {
    merge(segment, into: scratch.merged, first, count, padded, scratch.square)
  } else if end > blocks.span.from {
    let state = blocks.state(at: (end &- 1) & ~(attention_segment &- 1))
    for row in first..<(first &+ count) where segment.totals[row] != 0 { copy(segment, to: state, row, padded) }
  }
}

/// The same for rows that are lanes, the first of them in row `first`; all have seen something.
@inline(never)
func endSegmentOfLanes(_ blocks: AttentionBlocks, _ first: Int, _ count: Int, at end: Int) {
  let padded = blocks.shape.padded, scratch = blocks.scratch, lanes = scratch.laneSegment
  let vectors = wholeVectors(count) / 16
  if blocks.merges {
    for n in 0..<vectors { mergeLanes(lanes, into: scratch.laneMerged, n, padded) }
  } else {
    leaveLanes(scratch, padded, first, count, merging: false)
    keepSegment(blocks, first, count, at: end)
  }
  lanes.clear(0, vectors &* 16, padded)
}

/// Merges `count` states of the rows of `parts`, and writes these rows' output.
/// - states: of the unit that begins first, then of each segment that follows, `attentionStateFloats` each; changed.
/// - stateRows: how many rows each state is of; firstRow: which of them is the first of `parts`. Others may still be written.
/// - scratch: `attentionScratch` floats.
@inline(never)
public func mergeAttention(
  queryHeads: Int, keyValueHeads: Int, headDimension: Int, _ states: UnsafeMutablePointer<Float>, count: Int,
  stateRows: Int, firstRow: Int, _ output: UnsafeMutablePointer<Float>, _ lse: UnsafeMutablePointer<Float>?,
  parts: UnsafeBufferPointer<AttentionPart>, head: Int, scratch: UnsafeMutablePointer<Float>
) {
  let shape = PagedAttentionShape(
    queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension, pageSize: 1, window: 1, scale: 1
  )
  var rows = 0
  for part in parts { rows &+= part.rows }
  let padded = shape.padded, capacity = wholeVectors(rows)
  let first = AttentionState(0, in: states, rows: stateRows, first: firstRow, padded)
  let room = scratch + 64, merged = first.apart(rows, room, capacity)
  for number in 1..<max(1, count) {
    let later = AttentionState(number, in: states, rows: stateRows, first: firstRow, padded)
    merge(later.apart(rows, room + 2 &* capacity, capacity), into: merged, 0, rows, padded, scratch)
  }
  write(shape, merged, parts, head, output, lse)
}

extension AttentionState {
  /// The first `count` rows with maxima and totals in `room`, for 2 * capacity numbers: of these whole vectors are read, and
  /// those of the rows behind may be another thread's.
  @inline(__always)
  fileprivate func apart(_ count: Int, _ room: UnsafeMutablePointer<Float>, _ capacity: Int) -> AttentionState {
    let own = AttentionState(sums: sums, maxima: room, totals: room + capacity)
    for row in 0..<capacity {
      (own.maxima[row], own.totals[row]) = row < count ? (maxima[row], totals[row]) : (0, 0)
    }
    return own
  }
}

/// Merges the states of rows `first ..< first + count`, those that have seen anything.
/// - room: for 64 numbers.
@inline(__always)
private func merge(
  _ later: AttentionState, into merged: AttentionState, _ first: Int, _ count: Int, _ padded: Int,
  _ room: UnsafeMutablePointer<Float>
) {
  if merged.isEmpty(first, count) {
    for row in first..<(first &+ count) where later.totals[row] != 0 { copy(later, to: merged, row, padded) }
    return
  }
  var from = first
  while from < first &+ count {
    let before = load(merged.maxima + from), after = load(later.maxima + from), now = maximum(after, before)
    let old = exp2(before - now), new = exp2(after - now)
    store(old, room)
    store(new, room + 16)
    store(fma(load(later.totals + from), new, load(merged.totals + from) * old), room + 32)
    store(now, room + 48)
    for row in from..<min(from &+ 16, first &+ count) where later.totals[row] != 0 {
      let old = Lanes(repeating: room[row &- from]), new = Lanes(repeating: room[row &- from &+ 16])
      (merged.totals[row], merged.maxima[row]) = (room[row &- from &+ 32], room[row &- from &+ 48])
      let sums = merged.sums + row &* padded, others = later.sums + row &* padded
      var i = 0
      while i < padded {
        store(fma(load(others + i), new, load(sums + i) * old), sums + i)
        i &+= 16
      }
    }
    from &+= 16
  }
}

/// The same for vector n of rows that are lanes.
@inline(__always)
private func mergeLanes(_ later: AttentionState, into merged: AttentionState, _ n: Int, _ padded: Int) {
  let row = n &* 16, before = load(merged.maxima + row), after = load(later.maxima + row)
  let now = maximum(after, before), old = exp2(before - now), new = exp2(after - now)
  store(fma(load(later.totals + row), new, load(merged.totals + row) * old), merged.totals + row)
  store(now, merged.maxima + row)
  var i = row &* padded
  while i < (row &+ 16) &* padded {
    store(fma(load(later.sums + i), new, load(merged.sums + i) * old), merged.sums + i)
    i &+= 16
  }
}

/// Copies the state of one row. Adding zero makes -0 a 0, as merging with nothing does.
@inline(__always)
func copy(_ state: AttentionState, to other: AttentionState, _ row: Int, _ padded: Int) {
  (other.maxima[row], other.totals[row]) = (state.maxima[row], state.totals[row])
  var i = row &* padded
  while i < (row &+ 1) &* padded {
    store(load(state.sums + i) + Lanes(), other.sums + i)
    i &+= 16
  }
}
