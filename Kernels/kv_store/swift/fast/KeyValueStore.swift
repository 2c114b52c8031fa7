// Scatters new keys and values into the paged cache: row t of the input goes to slot slots[t], converted to the cache's
// element type (round to nearest even; beyond the range of float16 becomes infinity).
//
// Bytes per element: 4 read, 1, 2 or 4 written. Rows are independent.

/// - x: [tokens, heads, dimension] float32; cache: [pages, pageSize, heads, dimension] of the kind, pageBytes from page to
///   page; slots: page * pageSize + offset of each token.
/// - scales: for int8, [pages, pageSize, heads], pageScales from page to page.
@inline(never)
public func storeRows(
  _ kind: CacheKind, _ x: UnsafePointer<Float>, _ cache: UnsafeMutableRawPointer, pageBytes: Int,
  _ scales: UnsafeMutablePointer<Float>?, pageScales: Int, _ slots: UnsafePointer<Int32>, tokens: Range<Int>,
  pageSize: Int, heads: Int, dimension: Int
) {
  let width = heads &* dimension
  for token in tokens {
    let source = x + token &* width, slot = Int(slots[token]), page = slot / pageSize, offset = slot % pageSize
    let place = cache + (page &* pageBytes &+ offset &* width &* kind.elementBytes)
    switch kind {
    case .float32:
      place.copyMemory(from: source, byteCount: width &* 4)
    case .float16:
      let target = place.assumingMemoryBound(to: UInt16.self)
      for i in 0..<width { target[i] = float16Bits(source[i]) }
    case .bfloat16:
      let target = place.assumingMemoryBound(to: UInt16.self)
      for i in 0..<width { target[i] = bfloat16Bits(source[i]) }
    case .int8:
      guard let scales else { continue }
      let target = place.assumingMemoryBound(to: Int8.self)
      for head in 0..<heads {
        scales[page &* pageScales &+ offset &* heads &+ head] =
          quantise(source + head &* dimension, target + head &* dimension, dimension)
      }
    }
  }
}

/// Round to nearest even; a NaN stays one.
@inline(__always)
private func bfloat16Bits(_ x: Float) -> UInt16 {
  let bits = x.bitPattern
  let rounded = (bits &+ 0x7FFF &+ (bits &>> 16 & 1)) &>> 16
  return x != x ? UInt16(truncatingIfNeeded: bits &>> 16) | 0x40 : UInt16(truncatingIfNeeded: rounded)
}

/// Round to nearest even, in integer and float arithmetic that every instruction set has.
@inline(__always)
private func float16Bits(_ x: Float) -> UInt16 {
  let bits = x.bitPattern, sign = bits &>> 16 & 0x8000, magnitude = bits & 0x7FFF_FFFF
  if magnitude >= 0x4780_0000 {  // 65536 and more, infinity, NaN
    return UInt16(truncatingIfNeeded: sign | (magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00))
  }
  if magnitude < 0x3880_0000 {  // below 2^-14: adding 0.5 moves the subnormal's bits to the bottom, rounded
    let moved = Float(bitPattern: magnitude) + 0.5
    return UInt16(truncatingIfNeeded: sign | (moved.bitPattern &- 0x3F00_0000))
  }
  let odd = magnitude &>> 13 & 1
  return UInt16(truncatingIfNeeded: sign | (magnitude &- 0x3800_0000 &+ 0xFFF &+ odd) &>> 13)
}
