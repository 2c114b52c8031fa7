// C[M, N] = A[M, K] · B[N, K]ᵀ with B in 4 or 8 bits and A in 16 (QuantizeActivations.swift).
//
// B is repacked at load into panels of 16 output features; along K a panel is a row of blocks of 32. One 64-byte vector
// holds a word of four consecutive k for each of the 16 features:
//
//   nibble block   4 vectors (vector s: low nibbles k = 4s…4s+3, high nibbles k = 16+4s…16+4s+3)       256 bytes
//   byte block     8 vectors (vector s: k = 4s…4s+3)                                                  512 bytes
//   then scales, one per feature: d, and where the format has one, minimum m:    weight = d * q + m
//
// Shifted and masked (WeightPairs.swift), a word gives pairs of 16-bit weights, the first and third of its four k or the
// second and fourth; one instruction (vpdpwssd, pmaddwd) adds the products of a pair with two activations to each of 16 sums.
//
// Arithmetic per block, tile of R rows by P panels: 16 R P vector dot products, 24 P (nibbles, signed bytes) or 16 P (other
// bytes) operations to take weights apart, 4 R P for scales; bytes: P blocks of weights and 64 R of activations.
//
// The rows of a tile are a group that lies together (RowGroups.swift). With AVX-512 the large groups meet one panel at a
// time: weights are taken apart once for all sums that the registers hold, and every product reads its activations
// itself, from a constant distance to one pointer. (With an index in the address, or with a pointer for each row, it
// takes two of the processor's slots instead of one.)
//
// Each output is Σ over blocks in ascending order, whatever R and P are, so a row's result does not depend on the rows
// beside it.
import CPUIntrinsics

/// How a panel's blocks are laid out. The raw value is shared with the packer.
public enum PanelKind: Int, Sendable {
  case nibbleMinimumHalf  // 256 + 16 d (f16) + 16 m (f16) = 320 bytes: Q4_1, Q4_0
  case byteSymmetricHalf  // 512 + 16 d (f16)              = 544 bytes: Q8_0, signed bytes
  case nibbleMinimumFloat  // 256 + 16 d (f32) + 16 m (f32) = 384 bytes: Q4_K
  case bytePairMinimumFloat  // 512 + 2 × (16 d (f32) + 16 m (f32)) = 768 bytes: Q5_K, Q6_K, one pair per 16 k

  @inline(__always) public var blockBytes: Int {
    switch self {
    case .nibbleMinimumHalf: 320
    case .byteSymmetricHalf: 544
    case .nibbleMinimumFloat: 384
    case .bytePairMinimumFloat: 768
    }
  }
}

/// Computes panels `panels` of C for rows `rows`.
/// - weights: all panels; an even number of them (the packer pads with zeros).
/// - C: [M, ldc] float32; column = feature. bias: [N] or nil. N may end inside the last panel.
/// - next: the panel with which the caller will probably go on: asked for while the last of these is used. Even; beyond
///   the last panel if there is none.
@inline(never)
public func integerPanelGemm(
  _ kind: PanelKind, _ weights: UnsafeRawPointer, _ a: QuantizedRows, _ C: UnsafeMutablePointer<Float>, _ ldc: Int,
  _ bias: UnsafePointer<Float>?, _ N: Int, _ K: Int, rows: Range<Int>, panels: Range<Int>, next: Int
) {
  let call = PanelCall(
    weights: weights, pitch: K / 32 &* kind.blockBytes, a: a, C: C, ldc: ldc, bias: bias, N: N, K: K, rows: rows,
    panels: panels, next: next)
  switch kind {
  case .nibbleMinimumHalf: sweep(call, NibbleMinimumHalf.self)
  case .byteSymmetricHalf: sweep(call, ByteSymmetricHalf.self)
  case .nibbleMinimumFloat: sweep(call, NibbleMinimumFloat.self)
  case .bytePairMinimumFloat: sweep(call, BytePairMinimumFloat.self)
  }
}

private struct PanelCall {
  let weights: UnsafeRawPointer, pitch: Int
  let a: QuantizedRows
  let C: UnsafeMutablePointer<Float>, ldc: Int
  let bias: UnsafePointer<Float>?
  let N: Int, K: Int
  let rows: Range<Int>, panels: Range<Int>
  let next: Int
}

/// Tiles of a group of rows by one panel, or by two where few rows leave registers; a single row takes 4 panels at once to
/// keep enough sums in flight.
@inline(__always)
private func sweep<Layout: PanelLayout>(_ call: PanelCall, _ layout: Layout.Type) {
  var p = call.panels.lowerBound
  if call.rows.count == 1 {
    while p &+ 4 <= call.panels.upperBound {
      let next = p &+ 4 < call.panels.upperBound ? p &+ 4 : call.next
      var ahead = Ahead(
        call.weights + next &* call.pitch, bytes: next &* 16 < call.N ? 4 &* call.pitch : 0, steps: call.K / 32)
      tile(call, layout, Sums<4>(), row: call.rows.lowerBound, panel: p, rows: 1, panels: 4, &ahead)
      p &+= 4
    }
  }
  while p < call.panels.upperBound {
    // While these panels are used by several tiles, the next two come from memory.
    let next = p &+ 2 < call.panels.upperBound ? p &+ 2 : call.next
    var ahead = Ahead(
      call.weights + next &* call.pitch, bytes: next &* 16 < call.N ? 2 &* call.pitch : 0,
      steps: tileCount(rows: call.rows.count) &* (call.K / 32))
    var m = call.rows.lowerBound
    while m < call.rows.upperBound {
      let size = groupSize(call.rows.upperBound &- m)
      switch size {
      #if ISA_AVX512
        case 12:
          tile(call, layout, Sums<12>(), row: m, panel: p, rows: 12, panels: 1, &ahead)
          tile(call, layout, Sums<12>(), row: m, panel: p &+ 1, rows: 12, panels: 1, &ahead)
        case 8:
          tile(call, layout, Sums<8>(), row: m, panel: p, rows: 8, panels: 1, &ahead)
          tile(call, layout, Sums<8>(), row: m, panel: p &+ 1, rows: 8, panels: 1, &ahead)
        case 4: tile(call, layout, Sums<8>(), row: m, panel: p, rows: 4, panels: 2, &ahead)
      #else
        case 4:
          tile(call, layout, Sums<4>(), row: m, panel: p, rows: 4, panels: 1, &ahead)
          tile(call, layout, Sums<4>(), row: m, panel: p &+ 1, rows: 4, panels: 1, &ahead)
      #endif
      case 2: tile(call, layout, Sums<4>(), row: m, panel: p, rows: 2, panels: 2, &ahead)
      default: tile(call, layout, Sums<2>(), row: m, panel: p, rows: 1, panels: 2, &ahead)
      }
      m &+= size
    }
    p &+= 2
  }
}

/// How many tiles `sweep` makes of the rows of two panels.
@inline(__always)
private func tileCount(rows: Int) -> Int {
  var count = 0, left = rows
  while left > 0 {
    let size = groupSize(left)
    count &+= 2 / panelsAtOnce(groupSize: size)
    left &-= size
  }
  return count
}

/// Asks for memory that will be read later, a little at each step of what is computed now.
private struct Ahead {
  var next: UnsafeRawPointer
  let end: UnsafeRawPointer, stride: Int

  /// - steps: how often `step` will be called.
  @inline(__always) init(_ start: UnsafeRawPointer, bytes: Int, steps: Int) {
    (next, end, stride) = (start, start + bytes, (bytes &+ steps &- 1) / max(1, steps))
  }

  @inline(__always) mutating func step() {
    let stop = min(end, next + stride)
    while next < stop {
      cpu_prefetch_far(next)
      next += 64
    }
  }
}

/// The sums of a tile of T = rows × panels.
struct Sums<let T: Int> {
  var f = InlineArray<T, Lanes> { _ in Lanes() }
  @inline(__always) init() {}
}

/// One layout of blocks (PanelLayouts.swift). `block` adds to T sums what the blocks at `w` and, `pitch` bytes apart, of the
/// panels after it contribute with the rows at `q`, whose scales are `a`'s from `at`; constants fold after inlining.
protocol PanelLayout {
  static var blockBytes: Int { get }
  static func block<let T: Int>(
    _ t: inout Sums<T>, _ w: UnsafeRawPointer, pitch: Int, _ a: QuantizedRows, _ q: UnsafePointer<Int16>, _ at: Int,
    rows: Int, panels: Int)
}

@inline(__always)
private func tile<Layout: PanelLayout, let T: Int>(
  _ call: PanelCall, _ layout: Layout.Type, _ empty: Sums<T>, row m: Int, panel: Int, rows: Int, panels: Int,
  _ ahead: inout Ahead
) {
  var t = empty
  let blocks = call.K / 32
  var w = call.weights + panel &* call.pitch
  prefetchOutput(call.C + (m &* call.ldc &+ panel &* 16), call.ldc, rows: rows, panels: panels)
  var q = UnsafePointer(call.a.q) + m &* call.K, at = m &* blocks
  for _ in 0..<blocks {
    ahead.step()
    Layout.block(&t, w, pitch: call.pitch, call.a, q, at, rows: rows, panels: panels)
    w += Layout.blockBytes
    q += rows &* 32
    at &+= rows
  }
  for r in 0..<rows {
    for p in 0..<panels {
      storeFeatures(
        t.f[unchecked: r &* panels &+ p], call.C + (m &+ r) &* call.ldc, (panel &+ p) &* 16, call.bias, call.N)
    }
  }
}

/// Asks for the lines that the tile will write, a whole K loop ahead: C is larger than the second-level cache, and its
/// column stripes are nothing that a hardware prefetcher sees.
@inline(__always)
func prefetchOutput(_ C: UnsafeMutablePointer<Float>, _ ldc: Int, rows: Int, panels: Int) {
  for r in 0..<rows {
    for p in 0..<panels { cpu_prefetch_write(C + (r &* ldc &+ p &* 16)) }
  }
}

/// Stores 16 features of one row, fewer at the end of the row, none beyond it.
@inline(__always)
func storeFeatures(_ v: Lanes, _ row: UnsafeMutablePointer<Float>, _ n: Int, _ bias: UnsafePointer<Float>?, _ N: Int) {
  if n &+ 16 <= N {
    if let bias { store(v + load(bias + n), row + n) } else { store(v, row + n) }
  } else if n < N {
    for i in 0..<(N &- n) { row[n &+ i] = v[i] + (bias?[n &+ i] ?? 0) }
  }
}
