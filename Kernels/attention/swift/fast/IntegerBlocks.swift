// The reading of keys and values into blocks of pairs of integers (`AttentionIntegers.swift`): first all positions' norms,
// then, with what follows from these, all elements. One pass alone would wait for each position's norm.
//
// For each vector of elements: two conversions, a multiply-add for the norm, one for rounding, and half of a store.
import CPUIntrinsics

extension AttentionBlocks {
  /// Reads keys and values of `count` positions as integers; what lies beyond them is any number.
  /// - ahead: for how many positions of the block that follows to ask meanwhile.
  @inline(__always)
  func readIntegers(_ pages: UnsafePointer<Int32>, _ position: Int, _ count: Int, ahead: Int) {
    switch shape.headDimension {
    case 64: read(vectors: 4, pages, position, count, ahead)
    case 128: read(vectors: 8, pages, position, count, ahead)
    case let D where D & 15 == 0: read(vectors: D / 16, pages, position, count, ahead)
    default:
      prefetch(pages, position &+ 16, end: position &+ 16 &+ ahead)
      readThroughMemory(pages, position, count)
    }
  }

  @inline(__always)
  private func read(vectors: Int, _ pages: UnsafePointer<Int32>, _ position: Int, _ count: Int, _ ahead: Int) {
    switch cacheKeys.kind {
    case .float32: break
    case .float16: read(.float16, vectors, pages, position, count, ahead)
    case .bfloat16: read(.bfloat16, vectors, pages, position, count, ahead)
    case .int8: read(.int8, vectors, pages, position, count, ahead)
    }
  }

  /// The same for a kind that the compiler knows.
  @inline(__always)
  private func read(
    _ kind: CacheKind, _ W: Int, _ pages: UnsafePointer<Int32>, _ position: Int, _ count: Int, _ ahead: Int
  ) {
    let slots = BlockSlots(shape, head, pages, position, count)
    var next = RowsAhead(pages, position &+ 16, ahead, pageSize: shape.pageSize)
    findUnits(kind, cacheKeys, W, slots, scratch.keyUnits)
    slots.forEachPair { j, even, odd in
      roundKey(kind, W, row(kind, cacheKeys, even), j)
      roundKey(kind, W, row(kind, cacheKeys, odd), j &+ 1)
      next.step(self, rows: 2)
    }
    findUnits(kind, cacheValues, W, slots, scratch.valueUnits)
    slots.forEachPair { j, even, odd in
      roundValues(kind, W, row(kind, cacheValues, even), row(kind, cacheValues, odd), j)
    }
  }

  /// Where the elements of a slot begin.
  @inline(__always)
  private func row(_ kind: CacheKind, _ cache: PagedCache, _ slot: Slot) -> UnsafeRawPointer {
    cache.elements + (slot.page &* cache.pageBytes &+ slot.row &* shape.headDimension &* kind.elementBytes)
  }

  /// What the integers of each position are worth, and into `scratch.inverses` what its elements are multiplied with.
  @inline(__always)
  private func findUnits(
    _ kind: CacheKind, _ cache: PagedCache, _ W: Int, _ slots: BlockSlots, _ units: UnsafeMutablePointer<Float>
  ) {
    slots.forEachPair { j, even, odd in
      if kind == .int8 {
        scratch.slotScales[j] = scale(cache, even)
        scratch.slotScales[j &+ 1] = scale(cache, odd)
        return
      }
      let first = row(kind, cache, even), second = row(kind, cache, odd)
      var squares = (even: Lanes(), odd: Lanes())
      for c in 0..<W {
        let a = elements(kind, first, c), b = elements(kind, second, c)
        squares = (fma(a, a, squares.even), fma(b, b, squares.odd))
      }
      store(squares.even, scratch.square + j &* 16)
      store(squares.odd, scratch.square + (j &* 16 &+ 16))
    }
    let found =
      kind == .int8 ? unitsOfSlots(load(scratch.slotScales)) : unitsOfRows(rowSums(scratch.square))
    store(found.units, units)
    store(found.inverses, scratch.inverses)
  }

  /// Of an int8 cache.
  @inline(__always)
  private func scale(_ cache: PagedCache, _ slot: Slot) -> Float {
    cache.scales.map { $0[slot.page &* cache.pageScales &+ slot.row] } ?? 1
  }

  /// The key of position j as pairs along the head.
  @inline(__always)
  private func roundKey(_ kind: CacheKind, _ W: Int, _ key: UnsafeRawPointer, _ j: Int) {
    let factor = Lanes(repeating: scratch.inverses[j]), target = scratch.rawKeys + j &* shape.padded
    for c in 0..<W / 2 {
      let low = rounded(elements(kind, key, 2 &* c), factor), high = rounded(elements(kind, key, 2 &* c &+ 1), factor)
      storePairs(pairs(low, high), target + c &* 16)
    }
    if W & 1 != 0 {
      storePairs(pairs(rounded(elements(kind, key, W &- 1), factor), IntLanes()), target + W / 2 &* 16)
    }
  }

  /// The values of positions j and j + 1 as pairs of these.
  @inline(__always)
  private func roundValues(_ kind: CacheKind, _ W: Int, _ even: UnsafeRawPointer, _ odd: UnsafeRawPointer, _ j: Int) {
    let first = Lanes(repeating: scratch.inverses[j]), second = Lanes(repeating: scratch.inverses[j &+ 1])
    let target = scratch.values + j / 2 &* shape.padded
    for c in 0..<W {
      let low = rounded(elements(kind, even, c), first), high = rounded(elements(kind, odd, c), second)
      storePairs(pairs(low, high), target + c &* 16)
    }
  }
}

/// Rows of one head that will be read next, asked for a few at a time while others are computed with: whoever asks for a
/// whole block at once waits until the processor can keep so many requests, and what is read now waits behind them.
private struct RowsAhead {
  private let pages: UnsafePointer<Int32>
  private var place = PagePlace(0, 1), left: Int

  /// Positions `start ..< start + count`.
  @inline(__always) init(_ pages: UnsafePointer<Int32>, _ start: Int, _ count: Int, pageSize: Int) {
    (self.pages, left) = (pages, count)
    if count > 0 { place = PagePlace(start, pageSize) }
  }

  /// Asks for the next `rows` rows of keys and of values, as far as there are any.
  @inline(__always)
  mutating func step(_ blocks: AttentionBlocks, rows: Int) {
    let shape = blocks.shape, bytes = shape.headDimension &* blocks.cacheKeys.kind.elementBytes
    for _ in 0..<min(rows, left) {
      let page = Int(pages[place.page]), row = (place.offset &* shape.keyValueHeads &+ blocks.head) &* bytes
      let key = blocks.cacheKeys.elements + (page &* blocks.cacheKeys.pageBytes &+ row)
      let value = blocks.cacheValues.elements + (page &* blocks.cacheValues.pageBytes &+ row)
      var at = 0
      while at < bytes {
        cpu_prefetch_far(key + at)
        cpu_prefetch_far(value + at)
        at &+= 64
      }
      place.advance(shape.pageSize)
    }
    left = max(0, left &- rows)
  }
}

/// Where one position of one head is: its page, and its row of elements in it.
private typealias Slot = (page: Int, row: Int)

/// The slots of a block's positions.
private struct BlockSlots {
  let pages: UnsafePointer<Int32>
  let place: PagePlace, count: Int
  let pageSize: Int, keyValueHeads: Int, head: Int

  @inline(__always)
  init(
    _ shape: PagedAttentionShape, _ head: Int, _ pages: UnsafePointer<Int32>, _ position: Int, _ count: Int
  ) {
    (self.pages, self.count, self.head) = (pages, count, head)
    (pageSize, keyValueHeads) = (shape.pageSize, shape.keyValueHeads)
    place = PagePlace(position, shape.pageSize)
  }

  /// Calls `body` for positions 0 and 1, 2 and 3 …; a last position without another stands for both.
  @inline(__always)
  func forEachPair(_ body: (_ j: Int, _ even: Slot, _ odd: Slot) -> Void) {
    var place = place, j = 0
    while j < count {
      let even = slot(place)
      place.advance(pageSize)
      let odd = j &+ 1 < count ? slot(place) : even
      place.advance(pageSize)
      body(j, even, odd)
      j &+= 2
    }
  }

  @inline(__always)
  private func slot(_ place: PagePlace) -> Slot {
    (Int(pages[place.page]), place.offset &* keyValueHeads &+ head)
  }
}

/// Elements 16 c ..< 16 c + 16 of a row of the cache, without the scale of int8.
@inline(__always)
private func elements(_ kind: CacheKind, _ row: UnsafeRawPointer, _ c: Int) -> Lanes {
  let p = row + c &* 16 &* kind.elementBytes
  switch kind {
  case .float32: return load(p.assumingMemoryBound(to: Float.self))
  case .float16: return loadFloat16(p)
  case .bfloat16: return loadBFloat16(p)
  case .int8: return loadInt8(p)
  }
}

// MARK: Heads that are not whole vectors

extension AttentionBlocks {
  @inline(never)
  private func readThroughMemory(_ pages: UnsafePointer<Int32>, _ position: Int, _ count: Int) {
    let padded = shape.padded, wide = scratch.wide
    gather(shape, cacheKeys, pages, head, position, count, wide, slotScales: scratch.slotScales)
    findUnitsOfWide(scratch.keyUnits)
    for j in 0..<count { roundRow(wide + j &* padded, padded, scratch.inverses[j], scratch.rawKeys + j &* padded) }
    gather(shape, cacheValues, pages, head, position, count, wide, slotScales: scratch.slotScales)
    findUnitsOfWide(scratch.valueUnits)
    var j = 0
    while j < count {
      let even = Lanes(repeating: scratch.inverses[j]), odd = Lanes(repeating: scratch.inverses[j &+ 1])
      for i in stride(from: j &* padded, to: (j &+ 1) &* padded, by: 16) {
        let low = rounded(load(wide + i), even), high = rounded(load(wide + (padded &+ i)), odd)
        storePairs(pairs(low, high), scratch.values + (i &- j / 2 &* padded))
      }
      j &+= 2
    }
  }

  @inline(__always)
  private func findUnitsOfWide(_ units: UnsafeMutablePointer<Float>) {
    for j in 0..<16 { store(squares(scratch.wide + j &* shape.padded, shape.padded), scratch.square + j &* 16) }
    let found =
      cacheKeys.kind == .int8 ? unitsOfSlots(load(scratch.slotScales)) : unitsOfRows(rowSums(scratch.square))
    store(found.units, units)
    store(found.inverses, scratch.inverses)
  }
}
