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

/// Asks for one head's keys and values at positions `start ..< end`; the scales of int8 elements come along with neither.
/// - pages: the block table of the sequence.
@inline(__always)
public func prefetchBlock(
  _ keys: PagedCache, _ values: PagedCache, _ pages: UnsafePointer<Int32>, pageSize: Int, keyValueHeads: Int,
  headDimension: Int, head: Int, positions start: Int, _ end: Int
) {
  if start >= end { return }
  var place = PagePlace(start, pageSize)
  let bytes = headDimension &* keys.kind.elementBytes
  for _ in start..<end {
    let page = Int(pages[place.page]), row = (place.offset &* keyValueHeads &+ head) &* bytes
    place.advance(pageSize)
    let (key, value) = (
      keys.elements + (page &* keys.pageBytes &+ row), values.elements + (page &* values.pageBytes &+ row)
    )
    var at = 0
    while at < bytes {
      cpu_prefetch_far(key + at)
      cpu_prefetch_far(value + at)
      at &+= 64
    }
  }
}
