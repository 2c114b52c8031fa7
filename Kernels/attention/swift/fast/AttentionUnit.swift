// One unit of attention: rows of one key-value head, of one sequence or of several that begin with the same pages.
//
// Steps come first: positions that all of their rows see and find through the same pages, gathered once for all. Then
// each sequence goes on alone. Every row passes its blocks in ascending order with its own maximum, sum and weighted
// sum, and ends its segments at fixed positions (`AttentionSegments.swift`), so that it is computed alike in all units.
import CPUIntrinsics

/// Floats of scratch that a unit of `rows` rows needs.
public func attentionScratch(rows: Int, headDimension: Int) -> Int {
  let padded = (headDimension &+ 15) & ~15, capacity = rowCapacity(rows)
  return 64 &* padded &+ capacity &* (6 &* padded &+ 27) &+ 256 &+ 64 &+ 64
}

/// Rows that there is room for: a vector of rows may begin at any row.
@inline(__always)
private func rowCapacity(_ rows: Int) -> Int { (rows &+ 31) & ~15 }

/// As many rows as this may be worth a vector.
private let rowsOfVector = 11

extension AttentionBlocks {
  /// How many vectors of rows are worth their while: one costs less than 11 rows one by one (12 of float32), or, where
  /// keys would be turned for these rows only, than 8.
  @inline(__always)
  func vectors(of rows: Int) -> Int {
    let whole = rows / 16, least = multipliesIntegers ? (whole > 0 ? 8 : rowsOfVector) : 12
    return whole &+ (rows & 15 >= least ? 1 : 0)
  }
}

extension AttentionScratch {
  /// Cuts memory of `attentionScratch` floats.
  @inline(__always)
  init(_ memory: UnsafeMutablePointer<Float>, rows: Int, padded: Int) {
    let capacity = rowCapacity(rows), block = 16 &* padded, all = capacity &* padded
    let rawKeys = memory, keys = rawKeys + block, values = keys + block, wide = values + block
    let keyUnits = wide + block, laneQueries = keyUnits + 64,
      laneSegment = AttentionState(laneQueries + all, capacity, padded)
    let laneWeights = laneSegment.end(capacity), laneRescales = laneWeights + capacity &* 16
    let laneWeightUnits = laneRescales + capacity, queryUnits = laneWeightUnits + capacity
    let queries = queryUnits + capacity, segment = AttentionState(queries + all, capacity, padded)
    let merged = AttentionState(segment.end(capacity), capacity, padded)
    let laneMerged = AttentionState(merged.end(capacity), capacity, padded), square = laneMerged.end(capacity)
    self.init(
      rawKeys: rawKeys, values: values, keys: keys, wide: wide, keyUnits: keyUnits, valueUnits: keyUnits + 16,
      slotScales: keyUnits + 32, inverses: keyUnits + 48, queries: queries, queryUnits: queryUnits, segment: segment,
      merged: merged, weights: square + 256, laneQueries: laneQueries, laneSegment: laneSegment, laneMerged: laneMerged,
      laneWeights: laneWeights, laneRescales: laneRescales, square: square, laneWeightUnits: laneWeightUnits)
  }
}

/// Computes the rows of `parts` over the positions of `span`.
/// - q, output: [total tokens, queryHeads, headDimension] float32; lse: [total tokens, queryHeads] base 2, or nil.
/// - keys, values: [pages, pageSize, keyValueHeads, headDimension] each; pages: kv_indices.
/// - window: how many positions a query sees at most, itself included; not above Int.max / 2.
/// - steps: in the order in which each row is to pass them; they begin at position 0 and leave no gap.
/// - span: where it has memory for states these are written and no output; `mergeAttention` makes the output of them.
/// - scratch: `attentionScratch` floats.
@inline(never)
public func pagedAttention(
  queryHeads: Int, keyValueHeads: Int, headDimension: Int, pageSize: Int, window: Int, scale: Float,
  _ q: UnsafePointer<Float>, _ keys: PagedCache, _ values: PagedCache,
  _ pages: UnsafePointer<Int32>, _ output: UnsafeMutablePointer<Float>, _ lse: UnsafeMutablePointer<Float>?,
  parts: UnsafeBufferPointer<AttentionPart>, steps: UnsafeBufferPointer<AttentionStep>, head: Int,
  span: AttentionSpan, scratch memory: UnsafeMutablePointer<Float>
) {
  let shape = PagedAttentionShape(
    queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension, pageSize: pageSize,
    window: window, scale: scale * 1.442_695_04)
  let D = shape.headDimension, padded = shape.padded
  var rows = 0
  for part in parts { rows &+= part.rows }
  let scratch = AttentionScratch(memory, rows: rows, padded: padded)
  var row = 0
  for part in parts {
    var place = RowPlace(shape, part, head)
    for _ in 0..<part.rows {
      let source = q + place.index(shape) &* D, target = scratch.queries + row &* padded
      for i in 0..<D { target[i] = source[i] }
      for i in D..<padded { target[i] = 0 }
      row &+= 1
      place.advance(shape)
    }
  }
  // Rows that only fill a vector are zero.
  let cleared = rows < rowsOfVector ? rows : rowCapacity(rows)
  for i in (rows &* padded)..<(cleared &* padded) { scratch.queries[i] = 0 }
  scratch.segment.clear(0, cleared, padded)
  scratch.merged.clear(0, cleared, padded)
  let blocks = AttentionBlocks(
    shape: shape, cacheKeys: keys, cacheValues: values, head: head, rows: rows, span: span, scratch: scratch)
  if blocks.multipliesIntegers { roundQueries(scratch, shape, cleared) }
  beginStates(blocks)
  for step in steps {
    let from = max(step.from, span.from), to = min(step.to, span.to)
    if from < to { attendTogether(blocks, pages + step.first_page, from..<to, step.first_row, step.rows, end: to) }
  }
  row = 0
  for i in 0..<parts.count {
    let part = parts[i]
    // Each table leads somewhere else.
    if i &+ 1 < parts.count {
      let next = parts[i &+ 1]
      blocks.prefetch(
        pages + next.first_page, max(next.alone, span.from), end: min(next.first_position &+ 1, span.to))
    }
    attendAlone(blocks, pages + part.first_page, part, row)
    keepSegment(blocks, row, part.rows, at: min(lastPosition(shape, part) &+ 1, span.to))
    row &+= part.rows
  }
  if span.states == nil {
    write(shape, scratch.merged, parts, head, output, lse)
  } else if span.isFirst {
    for row in 0..<rows { copy(scratch.merged, to: blocks.state(at: span.from), row, padded) }
  }
}

/// Writes what rows have seen: their weighted sums divided by the sums of weights.
@inline(__always)
func write(
  _ shape: PagedAttentionShape, _ state: AttentionState, _ parts: UnsafeBufferPointer<AttentionPart>, _ head: Int,
  _ output: UnsafeMutablePointer<Float>, _ lse: UnsafeMutablePointer<Float>?
) {
  let D = shape.headDimension, padded = shape.padded
  var row = 0
  for part in parts {
    var place = RowPlace(shape, part, head)
    for _ in 0..<part.rows {
      let target = place.index(shape), inverse = 1 / state.totals[row]
      for i in 0..<D { output[target &* D &+ i] = state.sums[row &* padded &+ i] * inverse }
      if let lse { lse[target] = state.maxima[row] + log2(state.totals[row]) }
      row &+= 1
      place.advance(shape)
    }
  }
}

/// A row's token and its query head, of those of the unit's key-value head; without a division for each row.
private struct RowPlace {
  private var token: Int, member: Int
  private let firstHead: Int

  /// The first row of a part.
  @inline(__always)
  init(_ shape: PagedAttentionShape, _ part: AttentionPart, _ head: Int) {
    let group = shape.queryHeads / shape.keyValueHeads
    (token, member) = (part.first_token &+ part.first_row / group, part.first_row % group)
    firstHead = head &* group
  }

  /// Its number in [total tokens, queryHeads].
  @inline(__always)
  func index(_ shape: PagedAttentionShape) -> Int { token &* shape.queryHeads &+ firstHead &+ member }

  @inline(__always)
  mutating func advance(_ shape: PagedAttentionShape) {
    member &+= 1
    if member &* shape.keyValueHeads == shape.queryHeads { (token, member) = (token &+ 1, 0) }
  }
}

/// The last position that any row of a part sees.
@inline(__always)
func lastPosition(_ shape: PagedAttentionShape, _ part: AttentionPart) -> Int {
  part.first_position &+ (part.first_row &+ part.rows &- 1) / (shape.queryHeads / shape.keyValueHeads)
}

extension AttentionBlocks {
  /// Reads keys and values of `count` positions, and asks for those of the block that follows, as far as `end`.
  @inline(__always)
  func read(_ pages: UnsafePointer<Int32>, _ position: Int, _ count: Int, end: Int) {
    if multipliesIntegers {
      let ahead = max(0, min(16, end &- position &- 16))
      return readIntegers(pages, position, count, ahead: ahead)
    }
    prefetch(pages, position &+ 16, end: end)
    gather(shape, cacheKeys, pages, head, position, count, scratch.rawKeys, slotScales: scratch.slotScales)
    gather(shape, cacheValues, pages, head, position, count, scratch.values, slotScales: scratch.slotScales)
  }

  /// Floats or pairs of a query or key.
  @inline(__always) var queryWidth: Int { multipliesIntegers ? pairCount(shape.padded) : shape.padded }

  /// Asks for the keys and values of the block at `position`, as far as `end`.
  @inline(__always)
  func prefetch(_ pages: UnsafePointer<Int32>, _ position: Int, end: Int) {
    prefetchBlock(
      cacheKeys, cacheValues, pages, pageSize: shape.pageSize, keyValueHeads: shape.keyValueHeads,
      headDimension: shape.headDimension, head: head, positions: position, min(end, position &+ 16))
  }

  @inline(__always)
  func step(_ visible: Range<Int>) -> BlockStep {
    BlockStep(
      keys: scratch.keys, values: scratch.values, weights: scratch.weights, keyUnits: scratch.keyUnits,
      valueUnits: scratch.valueUnits, padded: shape.padded, visibleFrom: visible.lowerBound,
      visibleTo: visible.upperBound, scale: shape.scale)
  }
}

/// Rows `first ..< first + rows` of the unit over positions that all of them see whole.
/// - end: how far positions will be read through the same pages, by these rows or some of them.
@inline(never)
private func attendTogether(
  _ blocks: AttentionBlocks, _ pages: UnsafePointer<Int32>, _ positions: Range<Int>, _ first: Int, _ rows: Int, end: Int
) {
  let scratch = blocks.scratch, padded = blocks.shape.padded
  // Turning the rows costs less than a block.
  let vectors = positions.count > 16 ? blocks.vectors(of: rows) : 0
  let lanes = min(rows, vectors &* 16)
  let crosses = positions.lowerBound ^ (positions.upperBound &- 1) >= attention_segment
  var position = positions.lowerBound
  endSegment(blocks, first, rows, before: position)
  let merging = crosses && blocks.merges
  enterLanes(scratch, padded, width: blocks.queryWidth, first, vectors, merging: merging)
  while position < positions.upperBound {
    if position & (attention_segment &- 1) == 0 && position > positions.lowerBound {
      if vectors > 0 { endSegmentOfLanes(blocks, first, lanes, at: position) }
      endSegment(blocks, first &+ lanes, rows &- lanes, before: position)
    }
    blocks.read(pages, position, 16, end: end)
    if vectors > 0 {
      if blocks.multipliesIntegers {
        accumulateIntegers(scratch, padded, first, vectors)
      } else {
        accumulateLanes(scratch, padded, blocks.shape.scale, vectors)
      }
    }
    if lanes < rows {
      transpose(scratch.rawKeys, padded, width: blocks.queryWidth, scratch.keys)
      accumulateRows(blocks, blocks.step(0..<16), first &+ lanes, first &+ rows)
    }
    position &+= 16
  }
  leaveLanes(scratch, padded, first, lanes, merging: merging)
}

/// Rows of one sequence, from where `part` says to the last position that any of them sees, within the unit's span.
@inline(never)
private func attendAlone(_ blocks: AttentionBlocks, _ pages: UnsafePointer<Int32>, _ part: AttentionPart, _ first: Int)
{
  let shape = blocks.shape, group = shape.queryHeads / shape.keyValueHeads
  let lowest = part.first_position &+ part.first_row / group, highest = lastPosition(shape, part)
  let start = max(part.alone, max(0, lowest &+ 1 &- shape.window) & ~15, blocks.span.from)
  let end = min(highest &+ 1, blocks.span.to)
  guard start < end else { return }
  // What every row sees whole.
  let seen = max(start, (max(0, highest &+ 1 &- shape.window) &+ 15) & ~15), seenEnd = min(end, (lowest &+ 1) & ~15)
  guard seen < seenEnd else { return attendPartly(blocks, pages, start..<end, part, first) }
  attendPartly(blocks, pages, start..<seen, part, first)
  attendTogether(blocks, pages, seen..<seenEnd, first, part.rows, end: end)
  attendPartly(blocks, pages, seenEnd..<end, part, first)
}

/// Rows of one sequence over positions of which each row may see another part.
@inline(never)
private func attendPartly(
  _ blocks: AttentionBlocks, _ pages: UnsafePointer<Int32>, _ positions: Range<Int>, _ part: AttentionPart, _ first: Int
) {
  let shape = blocks.shape, scratch = blocks.scratch, group = shape.queryHeads / shape.keyValueHeads
  var position = positions.lowerBound
  while position < positions.upperBound {
    let count = min(16, positions.upperBound &- position)
    endSegment(blocks, first, part.rows, before: position)
    blocks.read(pages, position, count, end: positions.upperBound)
    transpose(scratch.rawKeys, shape.padded, width: blocks.queryWidth, scratch.keys)
    // As many rows at a time as see the same part of the block.
    var r = 0
    while r < part.rows {
      let own = part.first_position &+ (part.first_row &+ r) / group
      let visible = visiblePart(shape, own: own, position, count)
      var end = r &+ 1
      while end < part.rows
        && visiblePart(shape, own: part.first_position &+ (part.first_row &+ end) / group, position, count) == visible
      {
        end &+= 1
      }
      if !visible.isEmpty { accumulateRows(blocks, blocks.step(visible), first &+ r, first &+ end) }
      r = end
    }
    position &+= 16
  }
}

/// One block for rows that see the same part of it: four at a time share the loads of keys and values.
@inline(__always)
private func accumulateRows(_ blocks: AttentionBlocks, _ block: BlockStep, _ first: Int, _ end: Int) {
  var r = first
  while r < end {
    switch end &- r {
    case 1: accumulate(Rows<1, Lanes>(), blocks, block, r)
    case 2: accumulate(Rows<2, Lanes>(), blocks, block, r)
    case 3: accumulate(Rows<3, Lanes>(), blocks, block, r)
    default: accumulate(Rows<4, Lanes>(), blocks, block, r)
    }
    r &+= 4
  }
}

/// One block for R rows from `row` on.
@inline(__always)
private func accumulate<let R: Int>(_ empty: Rows<R, Lanes>, _ blocks: AttentionBlocks, _ block: BlockStep, _ row: Int)
{
  let scratch = blocks.scratch, padded = block.padded
  let q = scratch.queries + row &* padded, sums = scratch.segment.sums + row &* padded
  let maxima = scratch.segment.maxima + row, totals = scratch.segment.totals + row
  if blocks.multipliesIntegers {
    accumulateIntegers(Rows<R, IntLanes>(), block, q, scratch.queryUnits + row, sums, maxima, totals)
  } else {
    accumulate(empty, block, q, sums, maxima, totals)
  }
}
