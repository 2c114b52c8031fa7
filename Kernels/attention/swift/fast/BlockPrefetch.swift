// Asking for keys and values before they are gathered. A sequence's pages lie anywhere, and of a page one head's rows are
// pieces of 128 bytes or so: nothing that a hardware prefetcher follows.
import CPUIntrinsics

/// A position's page, as an index into the block table, and its place in that page; without a division for each.
struct PagePlace {
  var page: Int, offset: Int

  @inline(__always) init(_ position: Int, _ pageSize: Int) {
    page = position / pageSize
    offset = position &- page &* pageSize
  }

  /// To the next position.
  @inline(__always) mutating func advance(_ pageSize: Int) {
    offset &+= 1
    if offset == pageSize { (page, offset) = (page &+ 1, 0) }
  }
}

/// Asks for one head's keys and values at positions `start ..< end`.
/// - keys, values: [pages, pageSize] slots of `slotBytes`; of each, `bytes` from `offset` on. pages: the block table.
@inline(__always)
public func prefetchBlock(
  _ keys: UnsafeRawPointer, _ values: UnsafeRawPointer, _ pages: UnsafePointer<Int32>, pageSize: Int, slotBytes: Int,
  from offset: Int, bytes: Int, positions start: Int, _ end: Int
) {
  if start >= end { return }
  var place = PagePlace(start, pageSize)
  for _ in start..<end {
    let row = (Int(pages[place.page]) &* pageSize &+ place.offset) &* slotBytes &+ offset
    place.advance(pageSize)
    var at = row
    while at < row &+ bytes {
      cpu_prefetch_far(keys + at)
      cpu_prefetch_far(values + at)
      at &+= 64
    }
  }
}
