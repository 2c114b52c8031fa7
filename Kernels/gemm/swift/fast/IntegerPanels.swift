// C[M, N] = A[M, K] · B[N, K]ᵀ with B in 4 or 8 bits and A quantised to int8 (QuantizeActivations.swift).
//
// B is repacked at load into panels of 16 output features; along K a panel is a row of blocks of 32. One 64-byte
// vector holds, for each of the 16 features, four consecutive k, so that one instruction (vpdpbusd) adds four products
// to each of 16 sums:
//
//   nibble block   4 vectors (vector s: low nibbles k = 4s…4s+3, high nibbles k = 16+4s…16+4s+3)       256 bytes
//   byte block     8 vectors (vector s: k = 4s…4s+3)                                                  512 bytes
//   then scales, one per feature: d, and where the format has one, minimum m:    weight = d * q + m
//
// Arithmetic per block, tile of R rows by P panels: 8 R P vector dot products and 3 R P float operations; bytes: P blocks
// of weights and 32 R activations. Each output is Σ over blocks in ascending order, whatever R and P are, so a row's
// result does not depend on the rows beside it.
import CPUIntrinsics

/// How a panel's blocks are laid out. The raw value is shared with the packer.
public enum PanelKind: Int, Sendable {
  case nibbleMinimumHalf  // 256 + 16 d (f16) + 16 m (f16) = 320 bytes: Q4_1, Q4_0
  case byteSymmetricHalf  // 512 + 16 d (f16)              = 544 bytes: Q8_0, q stored as q + 128
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

/// The quantised rows of A: q [M, K], scales [M, K / 32], sums [M, K / 16].
public struct QuantizedRows {
  let q: UnsafePointer<Int8>, scales: UnsafePointer<Float>, sums: UnsafePointer<Int32>
  public init(q: UnsafePointer<Int8>, scales: UnsafePointer<Float>, sums: UnsafePointer<Int32>) {
    (self.q, self.scales, self.sums) = (q, scales, sums)
  }
}

/// Computes panels `panels` of C for rows `rows`.
/// - weights: all panels; an even number of them (the packer pads with zeros).
/// - C: [M, ldc] float32; column = feature. bias: [N] or nil. N may end inside the last panel.
@inline(never)
public func integerPanelGemm(
  _ kind: PanelKind, _ weights: UnsafeRawPointer, _ a: QuantizedRows, _ C: UnsafeMutablePointer<Float>, _ ldc: Int,
  _ bias: UnsafePointer<Float>?, _ N: Int, _ K: Int, rows: Range<Int>, panels: Range<Int>
) {
  switch kind {
  case .nibbleMinimumHalf: sweep(.nibbleMinimumHalf, weights, a, C, ldc, bias, N, K, rows, panels)
  case .byteSymmetricHalf: sweep(.byteSymmetricHalf, weights, a, C, ldc, bias, N, K, rows, panels)
  case .nibbleMinimumFloat: sweep(.nibbleMinimumFloat, weights, a, C, ldc, bias, N, K, rows, panels)
  case .bytePairMinimumFloat: sweep(.bytePairMinimumFloat, weights, a, C, ldc, bias, N, K, rows, panels)
  }
}

/// Tiles of 4, 2, 1 rows by 2 panels; a single row takes 4 panels at once to keep enough sums in flight.
@inline(__always)
private func sweep(
  _ kind: PanelKind, _ weights: UnsafeRawPointer, _ a: QuantizedRows, _ C: UnsafeMutablePointer<Float>, _ ldc: Int,
  _ bias: UnsafePointer<Float>?, _ N: Int, _ K: Int, _ rows: Range<Int>, _ panels: Range<Int>
) {
  let pitch = K / 32 &* kind.blockBytes
  var p = panels.lowerBound
  if rows.count == 1 {
    while p &+ 4 <= panels.upperBound {
      tile4(kind, weights + p &* pitch, pitch, a, rows.lowerBound, C, ldc, bias, p, N, K)
      p &+= 4
    }
  }
  while p < panels.upperBound {
    var m = rows.lowerBound
    let w = weights + p &* pitch
    while m &+ 4 <= rows.upperBound {
      tile(kind, Tile<4, 2, 8>(), w, pitch, a, m, C, ldc, bias, p, N, K)
      m &+= 4
    }
    if m &+ 2 <= rows.upperBound {
      tile(kind, Tile<2, 2, 4>(), w, pitch, a, m, C, ldc, bias, p, N, K)
      m &+= 2
    }
    if m < rows.upperBound { tile(kind, Tile<1, 2, 2>(), w, pitch, a, m, C, ldc, bias, p, N, K) }
    p &+= 2
  }
}

@inline(__always)
private func tile4(
  _ kind: PanelKind, _ w: UnsafeRawPointer, _ pitch: Int, _ a: QuantizedRows, _ m: Int,
  _ C: UnsafeMutablePointer<Float>, _ ldc: Int, _ bias: UnsafePointer<Float>?, _ p: Int, _ N: Int, _ K: Int
) { tile(kind, Tile<1, 4, 4>(), w, pitch, a, m, C, ldc, bias, p, N, K) }

/// R rows by P panels; T = R P. Sums of one block in `c`, of all blocks so far in `f`.
private struct Tile<let R: Int, let P: Int, let T: Int> {
  var c = InlineArray<T, IntLanes>(repeating: IntLanes())
  var d = InlineArray<T, IntLanes>(repeating: IntLanes())
  var f = InlineArray<T, Lanes>(repeating: Lanes())
  @inline(__always) init() {}
}

@inline(__always) private func bytes(_ p: UnsafeRawPointer) -> Bytes64 { p.loadUnaligned(as: Bytes64.self) }
@inline(__always) private func four(_ p: UnsafePointer<Int8>) -> Int32 {
  UnsafeRawPointer(p).loadUnaligned(as: Int32.self)
}

@inline(__always)
private func tile<let R: Int, let P: Int, let T: Int>(
  _ kind: PanelKind, _ empty: Tile<R, P, T>, _ weights: UnsafeRawPointer, _ pitch: Int, _ a: QuantizedRows, _ m: Int,
  _ C: UnsafeMutablePointer<Float>, _ ldc: Int, _ bias: UnsafePointer<Float>?, _ firstPanel: Int, _ N: Int, _ K: Int
) {
  var t = empty
  let blocks = K / 32, low = Bytes64(repeating: 0x0F0F_0F0F_0F0F_0F0F)
  var w = weights
  prefetchOutput(C + (m &* ldc &+ firstPanel &* 16), ldc, rows: R, panels: P)
  for b in 0..<blocks {
    let q = a.q + (m &* K &+ b &* 32)
    for r in 0..<R {
      let sums = a.sums + 2 &* ((m &+ r) &* blocks &+ b)
      let start = kind == .byteSymmetricHalf ? signedStart(sums[0] &+ sums[1]) : IntLanes()
      for p in 0..<P { t.c[unchecked: r &* P &+ p] = start }
      if kind == .bytePairMinimumFloat { for p in 0..<P { t.d[unchecked: r &* P &+ p] = IntLanes() } }
    }
    switch kind {
    case .nibbleMinimumHalf, .nibbleMinimumFloat:
      for s in 0..<4 {
        for p in 0..<P {
          let v = bytes(w + (p &* pitch &+ s &* 64))
          let lo = v & low, hi = (v &>> 4) & low
          for r in 0..<R {
            let x = q + (r &* K &+ 4 &* s)
            t.c[unchecked: r &* P &+ p] = dotSmall(t.c[unchecked: r &* P &+ p], lo, four(x))
            t.c[unchecked: r &* P &+ p] = dotSmall(t.c[unchecked: r &* P &+ p], hi, four(x + 16))
          }
        }
      }
    case .byteSymmetricHalf:
      for s in 0..<8 {
        for p in 0..<P {
          let v = bytes(w + (p &* pitch &+ s &* 64))
          for r in 0..<R {
            t.c[unchecked: r &* P &+ p] = dotSigned(t.c[unchecked: r &* P &+ p], v, four(q + (r &* K &+ 4 &* s)))
          }
        }
      }
    case .bytePairMinimumFloat:
      for s in 0..<4 {
        for p in 0..<P {
          let v = bytes(w + (p &* pitch &+ s &* 64)), u = bytes(w + (p &* pitch &+ s &* 64 &+ 256))
          for r in 0..<R {
            let x = q + (r &* K &+ 4 &* s)
            t.c[unchecked: r &* P &+ p] = dotSmall(t.c[unchecked: r &* P &+ p], v, four(x))
            t.d[unchecked: r &* P &+ p] = dotSmall(t.d[unchecked: r &* P &+ p], u, four(x + 16))
          }
        }
      }
    }
    // Σ over the block, scaled: f += (Σ q_w q_x) d d_x + m d_x Σ q_x
    for p in 0..<P {
      let s = w + (p &* pitch)
      for r in 0..<R {
        let i = r &* P &+ p, row = (m &+ r) &* blocks &+ b
        let scale = a.scales[row], sums = a.sums + 2 &* row
        switch kind {
        case .nibbleMinimumHalf:
          let d = loadFloat16(s + 256), minimum = loadFloat16(s + 288)
          let x = floats(t.c[unchecked: i]) * d
          t.f[unchecked: i] = fma(x, Lanes(repeating: scale), t.f[unchecked: i])
          t.f[unchecked: i] = fma(minimum, Lanes(repeating: scale * Float(sums[0] &+ sums[1])), t.f[unchecked: i])
        case .byteSymmetricHalf:
          let x = floats(t.c[unchecked: i]) * loadFloat16(s + 512)
          t.f[unchecked: i] = fma(x, Lanes(repeating: scale), t.f[unchecked: i])
        case .nibbleMinimumFloat:
          let f = (s + 256).assumingMemoryBound(to: Float.self)
          t.f[unchecked: i] = fma(floats(t.c[unchecked: i]) * load(f), Lanes(repeating: scale), t.f[unchecked: i])
          t.f[unchecked: i] = fma(load(f + 16), Lanes(repeating: scale * Float(sums[0] &+ sums[1])), t.f[unchecked: i])
        case .bytePairMinimumFloat:
          let f = (s + 512).assumingMemoryBound(to: Float.self)
          t.f[unchecked: i] = fma(floats(t.c[unchecked: i]) * load(f), Lanes(repeating: scale), t.f[unchecked: i])
          t.f[unchecked: i] = fma(load(f + 16), Lanes(repeating: scale * Float(sums[0])), t.f[unchecked: i])
          t.f[unchecked: i] = fma(floats(t.d[unchecked: i]) * load(f + 32), Lanes(repeating: scale), t.f[unchecked: i])
          t.f[unchecked: i] = fma(load(f + 48), Lanes(repeating: scale * Float(sums[1])), t.f[unchecked: i])
        }
      }
    }
    w += kind.blockBytes
  }
  for r in 0..<R {
    for p in 0..<P {
      storeFeatures(t.f[unchecked: r &* P &+ p], C + (m &+ r) &* ldc, (firstPanel &+ p) &* 16, bias, N)
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
