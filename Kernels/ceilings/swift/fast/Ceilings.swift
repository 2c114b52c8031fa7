// What the machine can do at best, measured with the same instructions as the kernels: register-only loops for the
// arithmetic peaks, a reading loop for the bandwidth.
import CPUIntrinsics

/// Runs independent fused multiply-adds on 12 registers. Returns the floating-point operations done.
@inline(never)
public func floatPeak(iterations: Int, sink: UnsafeMutablePointer<Float>) -> Int {
  let a = Lanes(repeating: 1.000_001), b = Lanes(repeating: -0.000_001)
  var (v0, v1, v2, v3, v4, v5) = (a, a + b, a - b, b, b - a, a * b)
  var (v6, v7, v8, v9, v10, v11) = (v0, v1, v2, v3, v4, v5)
  for _ in 0..<iterations {
    v0 = fma(v0, a, b)
    v1 = fma(v1, a, b)
    v2 = fma(v2, a, b)
    v3 = fma(v3, a, b)
    v4 = fma(v4, a, b)
    v5 = fma(v5, a, b)
    v6 = fma(v6, a, b)
    v7 = fma(v7, a, b)
    v8 = fma(v8, a, b)
    v9 = fma(v9, a, b)
    v10 = fma(v10, a, b)
    v11 = fma(v11, a, b)
  }
  store(v0 + v1 + v2 + v3 + v4 + v5 + v6 + v7 + v8 + v9 + v10 + v11, sink)
  return iterations * 12 * 16 * 2
}

/// Runs independent dot products of pairs of 16-bit integers on 12 registers. Returns the integer operations done.
@inline(never)
public func integerPeak(iterations: Int, sink: UnsafeMutablePointer<Float>) -> Int {
  let w = IntLanes(repeating: 0x0102_0304), x = IntLanes(repeating: 0x0102_0304)
  var (c0, c1, c2, c3, c4, c5) = (IntLanes(), IntLanes(), IntLanes(), IntLanes(), IntLanes(), IntLanes())
  var (c6, c7, c8, c9, c10, c11) = (c0, c1, c2, c3, c4, c5)
  for i in 0..<iterations {
    let y = x &+ IntLanes(repeating: Int32(truncatingIfNeeded: i & 1))
    c0 = dotPairs(c0, w, y)
    c1 = dotPairs(c1, w, y)
    c2 = dotPairs(c2, w, y)
    c3 = dotPairs(c3, w, y)
    c4 = dotPairs(c4, w, y)
    c5 = dotPairs(c5, w, y)
    c6 = dotPairs(c6, w, y)
    c7 = dotPairs(c7, w, y)
    c8 = dotPairs(c8, w, y)
    c9 = dotPairs(c9, w, y)
    c10 = dotPairs(c10, w, y)
    c11 = dotPairs(c11, w, y)
  }
  let all = (c0 &+ c1 &+ c2 &+ c3) &+ (c4 &+ c5 &+ c6 &+ c7) &+ (c8 &+ c9 &+ c10 &+ c11)
  store(floats(all), sink)
  return iterations * 12 * 32 * 2
}

/// Reads `count` floats once, 64 at a time.
@inline(never)
public func readAll(_ p: UnsafePointer<Float>, count: Int, sink: UnsafeMutablePointer<Float>) {
  var (a, b, c, d) = (Lanes(), Lanes(), Lanes(), Lanes())
  var i = 0
  while i &+ 64 <= count {
    a += load(p + i)
    b += load(p + (i &+ 16))
    c += load(p + (i &+ 32))
    d += load(p + (i &+ 48))
    i &+= 64
  }
  store((a + b) + (c + d), sink)
}
