// C[M, N] = A[M, K] · B[N, K]ᵀ with B in float32, float16 or bfloat16 and float32 arithmetic.
//
// B is repacked at load into panels of 16 output features: [K][16]. Arithmetic per k, tile of R rows by P panels:
// R P fused multiply-adds on 16 lanes; bytes: 16 P weights and 4 R of activations. Each output is summed over k in
// ascending order, whatever R and P are.
import CPUIntrinsics

/// The element type of a float panel. The raw value is shared with the packer.
public enum FloatPanelKind: Int, Sendable {
  case float32, float16, bfloat16

  @inline(__always) public var elementBytes: Int { self == .float32 ? 4 : 2 }
}

/// Computes panels `panels` of C for rows `rows`.
/// - A: [M, lda] float32; weights: all panels, an even number; C: [M, ldc] float32; bias: [N] or nil.
@inline(never)
public func floatPanelGemm(
  _ kind: FloatPanelKind, _ weights: UnsafeRawPointer, _ A: UnsafePointer<Float>, _ lda: Int,
  _ C: UnsafeMutablePointer<Float>, _ ldc: Int, _ bias: UnsafePointer<Float>?, _ N: Int, _ K: Int, rows: Range<Int>,
  panels: Range<Int>
) {
  switch kind {
  case .float32: sweep(.float32, weights, A, lda, C, ldc, bias, N, K, rows, panels)
  case .float16: sweep(.float16, weights, A, lda, C, ldc, bias, N, K, rows, panels)
  case .bfloat16: sweep(.bfloat16, weights, A, lda, C, ldc, bias, N, K, rows, panels)
  }
}

@inline(__always)
private func sweep(
  _ kind: FloatPanelKind, _ weights: UnsafeRawPointer, _ A: UnsafePointer<Float>, _ lda: Int,
  _ C: UnsafeMutablePointer<Float>, _ ldc: Int, _ bias: UnsafePointer<Float>?, _ N: Int, _ K: Int, _ rows: Range<Int>,
  _ panels: Range<Int>
) {
  let pitch = K &* 16 &* kind.elementBytes
  var p = panels.lowerBound
  if rows.count == 1 {
    while p &+ 4 <= panels.upperBound {
      tile(kind, FloatTile<1, 4, 4>(), weights + p &* pitch, pitch, A, lda, rows.lowerBound, C, ldc, bias, p, N, K)
      p &+= 4
    }
  }
  while p < panels.upperBound {
    let w = weights + p &* pitch
    var m = rows.lowerBound
    while m &+ 6 <= rows.upperBound {
      tile(kind, FloatTile<6, 2, 12>(), w, pitch, A, lda, m, C, ldc, bias, p, N, K)
      m &+= 6
    }
    while m &+ 2 <= rows.upperBound {
      tile(kind, FloatTile<2, 2, 4>(), w, pitch, A, lda, m, C, ldc, bias, p, N, K)
      m &+= 2
    }
    if m < rows.upperBound { tile(kind, FloatTile<1, 2, 2>(), w, pitch, A, lda, m, C, ldc, bias, p, N, K) }
    p &+= 2
  }
}

/// R rows by P panels; T = R P.
private struct FloatTile<let R: Int, let P: Int, let T: Int> {
  var f = InlineArray<T, Lanes> { _ in Lanes() }
  @inline(__always) init() {}
}

@inline(__always)
private func tile<let R: Int, let P: Int, let T: Int>(
  _ kind: FloatPanelKind, _ empty: FloatTile<R, P, T>, _ weights: UnsafeRawPointer, _ pitch: Int,
  _ A: UnsafePointer<Float>, _ lda: Int, _ m: Int, _ C: UnsafeMutablePointer<Float>, _ ldc: Int,
  _ bias: UnsafePointer<Float>?, _ firstPanel: Int, _ N: Int, _ K: Int
) {
  var t = empty
  let a = A + m &* lda
  prefetchOutput(C + (m &* ldc &+ firstPanel &* 16), ldc, rows: R, panels: P)
  for k in 0..<K {
    for p in 0..<P {
      let w = weights + (p &* pitch &+ k &* 16 &* kind.elementBytes)
      let v: Lanes
      switch kind {
      case .float32: v = load(w.assumingMemoryBound(to: Float.self))
      case .float16: v = loadFloat16(w)
      case .bfloat16: v = loadBFloat16(w)
      }
      for r in 0..<R {
        t.f[unchecked: r &* P &+ p] = fma(Lanes(repeating: a[r &* lda &+ k]), v, t.f[unchecked: r &* P &+ p])
      }
    }
  }
  for r in 0..<R {
    for p in 0..<P {
      storeFeatures(t.f[unchecked: r &* P &+ p], C + (m &+ r) &* ldc, (firstPanel &+ p) &* 16, bias, N)
    }
  }
}
