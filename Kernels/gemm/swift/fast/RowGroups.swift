// Rows of A that a tile computes together lie together: of each block along K first the first row's 32 elements, then the
// second's. A product finds its activations at constant distances from one pointer, in as much memory as rows apart take:
//
//   rows apart         row 0: block 0, block 1, …         row 1: block 0, block 1, …    …
//   a group of four    block 0: rows 0, 1, 2, 3           block 1: rows 0, 1, 2, 3      …
//
// Groups have 12 rows, as many as the registers hold sums for, and at the end of a block of rows 8, 4, 2 and 1; without
// AVX-512 4, 2 and 1. A block of rows is cut by itself (`gemm_row_block`): of 96 + 23 rows, eight groups of 12, then 12,
// 8, 2 and 1.
import CPUIntrinsics

/// Rows of the group that begins where `rows` of a block are left, at least 1.
@inline(__always)
func groupSize(_ rows: Int) -> Int {
  #if ISA_AVX512
    // Two groups of 8 take less time than one of 12 and one of 4.
    if rows >= 12 && !(16..<20).contains(rows) { return 12 }
    let largest = 8
  #else
    let largest = 4
  #endif
  return rows >= largest ? largest : 1 &<< (Int.bitWidth &- 1 &- rows.leadingZeroBitCount)
}

/// Panels that a tile of a group takes at a time: one where the sums of its rows fill the registers.
@inline(__always)
func panelsAtOnce(groupSize size: Int) -> Int {
  #if ISA_AVX512
    return size >= 8 ? 1 : 2
  #else
    return size >= 4 ? 1 : 2
  #endif
}

/// The group in which row `m` of `rows` lies.
@inline(__always)
func rowGroup(of m: Int, rows: Int) -> (first: Int, size: Int) {
  var first = m / gemm_row_block &* gemm_row_block
  let end = min(rows, first &+ gemm_row_block)
  var size = groupSize(end &- first)
  while m >= first &+ size {
    first &+= size
    size = groupSize(end &- first)
  }
  return (first, size)
}
