// Keys or values of a layer where they lie, and the reading of them into blocks of float32.
//
// Pages may be any number of bytes apart: a store of all layers may keep a page's bytes together. Elements of one byte
// have a scale for each slot and head.
import CPUIntrinsics

/// Element type of the cache. The raw value is shared with the caller.
public enum CacheKind: Int, Sendable {
  case float32, float16, bfloat16, int8
  @inline(__always) var elementBytes: Int {
    switch self {
    case .float32: 4
    case .float16, .bfloat16: 2
    case .int8: 1
    }
  }
}

extension PagedCache {
  @inline(__always) var kind: CacheKind { CacheKind(rawValue: kindCode).unsafelyUnwrapped }
}

/// Copies `count` positions of one head to float32 rows of `padded` elements; the rest of the 16 rows is zero.
/// - slotScales: what the rows are to be multiplied with yet, 16 numbers.
@inline(__always)
func gather(
  _ shape: PagedAttentionShape, _ cache: PagedCache, _ pages: UnsafePointer<Int32>, _ head: Int, _ position: Int,
  _ count: Int, _ block: UnsafeMutablePointer<Float>, slotScales: UnsafeMutablePointer<Float>
) {
  store(Lanes(repeating: 1), slotScales)
  switch cache.kind {
  case .float32: gather(.float32, shape, cache, pages, head, position, count, block, slotScales)
  case .float16: gather(.float16, shape, cache, pages, head, position, count, block, slotScales)
  case .bfloat16: gather(.bfloat16, shape, cache, pages, head, position, count, block, slotScales)
  case .int8: gather(.int8, shape, cache, pages, head, position, count, block, slotScales)
  }
}

/// The same for a kind that the compiler knows.
@inline(__always)
private func gather(
  _ kind: CacheKind, _ shape: PagedAttentionShape, _ cache: PagedCache, _ pages: UnsafePointer<Int32>, _ head: Int,
  _ position: Int, _ count: Int, _ block: UnsafeMutablePointer<Float>, _ slotScales: UnsafeMutablePointer<Float>
) {
  let D = shape.headDimension, padded = shape.padded, size = kind.elementBytes
  var place = PagePlace(position, shape.pageSize)
  for j in 0..<count {
    let page = Int(pages[place.page]), row = place.offset &* shape.keyValueHeads &+ head
    place.advance(shape.pageSize)
    let source = cache.elements + (page &* cache.pageBytes &+ row &* D &* size)
    if kind == .int8, let scales = cache.scales { slotScales[j] = scales[page &* cache.pageScales &+ row] }
    let target = block + j &* padded
    var i = 0
    while i &+ 16 <= D {
      switch kind {
      case .float32: store(load(source.assumingMemoryBound(to: Float.self) + i), target + i)
      case .float16: store(loadFloat16(source + i &* 2), target + i)
      case .bfloat16: store(loadBFloat16(source + i &* 2), target + i)
      case .int8: store(loadInt8(source + i), target + i)
      }
      i &+= 16
    }
    while i < D {
      switch kind {
      case .float32: target[i] = source.load(fromByteOffset: i &* 4, as: Float.self)
      case .float16: target[i] = Float(source.load(fromByteOffset: i &* 2, as: Float16.self))
      case .bfloat16:
        target[i] = Float(bitPattern: UInt32(source.load(fromByteOffset: i &* 2, as: UInt16.self)) &<< 16)
      case .int8: target[i] = Float(source.load(fromByteOffset: i, as: Int8.self))
      }
      i &+= 1
    }
    while i < padded {
      target[i] = 0
      i &+= 1
    }
  }
  for i in (count &* padded)..<(16 &* padded) { block[i] = 0 }
}
