// Sixteen float lanes and the few operations on them that differ between instruction sets. Compiled once for each
// (targets KernelsAVX512, KernelsAVX2, KernelsBaseline). Leaf code: pointers and SIMD values only.
import CPUIntrinsics

#if arch(x86_64)
  import _Builtin_intrinsics.intel
#endif

typealias Lanes = SIMD16<Float>
typealias IntLanes = SIMD16<Int32>

@inline(__always) func load(_ p: UnsafePointer<Float>) -> Lanes { UnsafeRawPointer(p).loadUnaligned(as: Lanes.self) }
@inline(__always) func store(_ v: Lanes, _ p: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lanes.self)
}

/// c + a * b, fused where the instruction set has it (elsewhere a fused form would be a library call per lane).
@inline(__always) func fma(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
  #if ISA_AVX512 || ISA_AVX2 || arch(arm64)
    return c.addingProduct(a, b)
  #else
    return c + a * b
  #endif
}

/// Sixteen 16-bit numbers, zero-extended. (The standard library's converting initializers are functions shared between
/// modules: not for leaf code.)
@inline(__always) func widened(_ p: UnsafeRawPointer) -> SIMD16<UInt32> {
  let words = p.loadUnaligned(as: SIMD8<UInt32>.self)  // pairs: even in the low half, odd in the high half
  let even = words & 0xFFFF, odd = words &>> 16
  return SIMD16(
    even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3], even[4], odd[4], even[5], odd[5], even[6],
    odd[6], even[7], odd[7])
}

/// Sixteen integers in -128...127 as bytes.
@inline(__always) func storeBytes(_ v: IntLanes, _ p: UnsafeMutablePointer<Int8>) {
  // Four lanes to a word each, by shifts; then the words are stored.
  @inline(__always) func word(_ v: SIMD4<Int32>) -> Int32 {
    let b = v & 0xFF
    return b[0] | b[1] &<< 8 | b[2] &<< 16 | b[3] &<< 24
  }
  #if ISA_AVX512
    UnsafeMutableRawPointer(p).storeBytes(
      of: _mm512_cvtepi32_epi8(unsafeBitCast(v, to: __m512i.self)), as: __m128i.self)
  #else
    let words = SIMD4(
      word(v.lowHalf.lowHalf), word(v.lowHalf.highHalf), word(v.highHalf.lowHalf), word(v.highHalf.highHalf))
    UnsafeMutableRawPointer(p).storeBytes(of: words, as: SIMD4<Int32>.self)
  #endif
}

/// Sixteen signed bytes as float32.
@inline(__always) func loadInt8(_ p: UnsafeRawPointer) -> Lanes {
  #if ISA_AVX512
    let bytes = unsafeBitCast(p.loadUnaligned(as: SIMD4<Int32>.self), to: __m128i.self)
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
  #elseif ISA_AVX2
    let bytes = p.loadUnaligned(as: SIMD4<Int32>.self)
    let high = SIMD4(bytes[2], bytes[3], 0, 0)
    return Lanes(
      lowHalf: _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(unsafeBitCast(bytes, to: __m128i.self))),
      highHalf: _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(unsafeBitCast(high, to: __m128i.self))))
  #else
    // Byte k of each word, by shifts; then the bytes in their order.
    let words = p.loadUnaligned(as: SIMD4<Int32>.self)
    let a = (words &<< 24) &>> 24, b = (words &<< 16) &>> 24, c = (words &<< 8) &>> 24, d = words &>> 24
    return floats(
      IntLanes(
        a[0], b[0], c[0], d[0], a[1], b[1], c[1], d[1], a[2], b[2], c[2], d[2], a[3], b[3], c[3], d[3]))
  #endif
}

/// Sixteen bfloat16 numbers as float32.
@inline(__always) func loadBFloat16(_ p: UnsafeRawPointer) -> Lanes {
  #if ISA_AVX512
    return cpu_bfloat16_to_float(p)
  #else
    return unsafeBitCast(widened(p) &<< 16, to: Lanes.self)
  #endif
}

/// Sixteen float16 numbers as float32.
@inline(__always) func loadFloat16(_ p: UnsafeRawPointer) -> Lanes {
  #if ISA_AVX512
    return cpu_half16_to_float(p)
  #elseif ISA_AVX2
    return Lanes(lowHalf: cpu_half8_to_float(p), highHalf: cpu_half8_to_float(p + 16))
  #else
    // Exponent and mantissa moved into place and rescaled by 2^112: right for subnormal numbers too.
    let half = widened(p)
    let magnitude = unsafeBitCast((half & 0x7FFF) &<< 13, to: Lanes.self) * Float(bitPattern: 0x7780_0000)
    // Infinity and NaN (exponent 31) keep the largest exponent: bit 15 of 0x7C00 + 0x400 says so.
    let special = 0 &- ((((half & 0x7FFF) &+ 0x0400) &>> 15) & 1)
    let value = unsafeBitCast(magnitude, to: SIMD16<UInt32>.self) | (special & 0x7F80_0000)
    return unsafeBitCast(value | ((half & 0x8000) &<< 16), to: Lanes.self)
  #endif
}

/// The low 16 bits of both, the first in the low half of each lane.
@inline(__always) func pairs(_ low: IntLanes, _ high: IntLanes) -> IntLanes { (low & 0xFFFF) | (high &<< 16) }

/// Lanes that hold two unsigned 16-bit numbers each, both shifted right.
@inline(__always) func shiftedHalves(_ a: IntLanes, by shift: Int32) -> IntLanes {
  #if ISA_AVX512
    return unsafeBitCast(_mm512_srli_epi16(unsafeBitCast(a, to: __m512i.self), UInt32(shift)), to: IntLanes.self)
  #else
    let mask = (1 &<< (16 &- shift)) &- 1
    return (a &>> shift) & (mask | mask &<< 16)
  #endif
}

/// Of lanes that hold four signed bytes each the first and the third, as a pair of signed 16-bit numbers.
@inline(__always) func lowSignedBytes(_ a: IntLanes) -> IntLanes { signedBytes(a, shift: 8) }

/// Of lanes that hold four signed bytes each the second and the fourth, as a pair of signed 16-bit numbers.
@inline(__always) func highSignedBytes(_ a: IntLanes) -> IntLanes { signedBytes(a, shift: 0) }

/// Halves of lanes shifted left by `shift`, then right by 8 with their signs.
@inline(__always) private func signedBytes(_ a: IntLanes, shift: Int32) -> IntLanes {
  #if ISA_AVX512
    let v = unsafeBitCast(a, to: __m512i.self)
    return unsafeBitCast(_mm512_srai_epi16(shift == 0 ? v : _mm512_slli_epi16(v, 8), 8), to: IntLanes.self)
  #elseif ISA_AVX2
    @inline(__always) func half(_ a: SIMD8<Int32>) -> SIMD8<Int32> {
      let v = unsafeBitCast(a, to: __m256i.self)
      return unsafeBitCast(_mm256_srai_epi16(shift == 0 ? v : _mm256_slli_epi16(v, 8), 8), to: SIMD8<Int32>.self)
    }
    return IntLanes(lowHalf: half(a.lowHalf), highHalf: half(a.highHalf))
  #else
    return pairs((a &<< (16 &+ shift)) &>> 24, (a &<< shift) &>> 24)
  #endif
}

/// acc[i] + a[i].low * b[i].low + a[i].high * b[i].high, of lanes that hold two signed 16-bit numbers each.
@inline(__always) func dotPairs(_ acc: IntLanes, _ a: IntLanes, _ b: IntLanes) -> IntLanes {
  #if ISA_AVX512
    return unsafeBitCast(
      _mm512_dpwssd_epi32(
        unsafeBitCast(acc, to: __m512i.self), unsafeBitCast(a, to: __m512i.self), unsafeBitCast(b, to: __m512i.self)),
      to: IntLanes.self)
  #elseif ISA_AVX2
    @inline(__always) func half(_ a: SIMD8<Int32>, _ b: SIMD8<Int32>) -> SIMD8<Int32> {
      unsafeBitCast(
        _mm256_madd_epi16(unsafeBitCast(a, to: __m256i.self), unsafeBitCast(b, to: __m256i.self)), to: SIMD8<Int32>.self
      )
    }
    return acc &+ IntLanes(lowHalf: half(a.lowHalf, b.lowHalf), highHalf: half(a.highHalf, b.highHalf))
  #elseif arch(x86_64)
    @inline(__always) func quarter(_ a: SIMD4<Int32>, _ b: SIMD4<Int32>) -> SIMD4<Int32> {
      unsafeBitCast(
        _mm_madd_epi16(unsafeBitCast(a, to: __m128i.self), unsafeBitCast(b, to: __m128i.self)), to: SIMD4<Int32>.self)
    }
    @inline(__always) func half(_ a: SIMD8<Int32>, _ b: SIMD8<Int32>) -> SIMD8<Int32> {
      SIMD8(lowHalf: quarter(a.lowHalf, b.lowHalf), highHalf: quarter(a.highHalf, b.highHalf))
    }
    return acc &+ IntLanes(lowHalf: half(a.lowHalf, b.lowHalf), highHalf: half(a.highHalf, b.highHalf))
  #else
    let low = ((a &<< 16) &>> 16) &* ((b &<< 16) &>> 16), high = (a &>> 16) &* (b &>> 16)
    return acc &+ low &+ high
  #endif
}

/// The nearest integer to x * factor, at most 2^22 in magnitude, in the low 16 bits of each lane.
@inline(__always) func rounded(_ x: Lanes, _ factor: Lanes) -> IntLanes {
  bits(fma(x, factor, Lanes(repeating: 12_582_912)))  // 1.5 * 2^23: its low 16 bits are zero
}

/// e^x, within 2 ulp where the result is a normal number; 0 from -105 down (so that e^-∞ is 0), ∞ from 89 up.
///
/// x = n ln 2 + r with |r| ≤ ln 2 / 2; e^r by a polynomial of degree 6; 2^n through the exponent bits, or by
/// the instruction for it.
@inline(__always) func exp(_ x: Lanes) -> Lanes {
  let rounder = Lanes(repeating: 12_582_912)  // 1.5 * 2^23: adding it rounds to an integer
  let clamped = minimum(Lanes(repeating: 89), maximum(Lanes(repeating: -105), x))
  let shifted = fma(clamped, Lanes(repeating: 1.442_695_04), rounder)
  let n = shifted - rounder
  var r = fma(n, Lanes(repeating: -0.693_145_752), clamped)
  r = fma(n, Lanes(repeating: -1.428_606_82e-6), r)
  var p = Lanes(repeating: 1.388_888_9e-3)
  p = fma(p, r, Lanes(repeating: 8.333_333_8e-3))
  p = fma(p, r, Lanes(repeating: 4.166_666_8e-2))
  p = fma(p, r, Lanes(repeating: 1.666_666_7e-1))
  p = fma(p, r, Lanes(repeating: 0.5))
  p = fma(p, r, Lanes(repeating: 1))
  p = fma(p, r, Lanes(repeating: 1))
  return scaled(p, n, shifted)
}

/// 2^x, within 2 ulp where the result is a normal number; 0 from -150 down.
///
/// x = n + r with |r| ≤ ½; 2^r by a polynomial of degree 6.
/// - x: below 128.
@inline(__always) func exp2(_ x: Lanes) -> Lanes {
  let rounder = Lanes(repeating: 12_582_912)
  let clamped = maximum(Lanes(repeating: -150), x)
  let shifted = clamped + rounder, n = shifted - rounder, r = clamped - n
  var p = Lanes(repeating: 1.540_353_04e-4)
  p = fma(p, r, Lanes(repeating: 1.333_355_81e-3))
  p = fma(p, r, Lanes(repeating: 9.618_129_11e-3))
  p = fma(p, r, Lanes(repeating: 5.550_410_87e-2))
  p = fma(p, r, Lanes(repeating: 2.402_265_07e-1))
  p = fma(p, r, Lanes(repeating: 6.931_471_81e-1))
  p = fma(p, r, Lanes(repeating: 1))
  return scaled(p, n, shifted)
}

/// p 2^n.
/// - shifted: n + 1.5 * 2^23.
@inline(__always) private func scaled(_ p: Lanes, _ n: Lanes, _ shifted: Lanes) -> Lanes {
  #if ISA_AVX512
    return _mm512_scalef_ps(p, n)
  #else
    // 2^n as 2^(n/2) * 2^(n - n/2), so that neither factor leaves the range at either end.
    let exponent = bits(shifted) &- bits(Lanes(repeating: 12_582_912))
    let half = exponent &>> 1
    let a = lanes((half &+ 127) &<< 23)
    let b = lanes((exponent &- half &+ 127) &<< 23)
    return p * a * b
  #endif
}

/// The sum of the lanes, always in the same order.
@inline(__always) func sum(_ v: Lanes) -> Float {
  let eight = v.lowHalf + v.highHalf
  let four = eight.lowHalf + eight.highHalf
  let two = four.lowHalf + four.highHalf
  return two[0] + two[1]
}

/// The sum of the lanes.
@inline(__always) func sum(_ v: IntLanes) -> Int32 {
  let eight = v.lowHalf &+ v.highHalf
  let four = eight.lowHalf &+ eight.highHalf
  let two = four.lowHalf &+ four.highHalf
  return two[0] &+ two[1]
}

@inline(__always) func bits(_ v: Lanes) -> IntLanes { unsafeBitCast(v, to: IntLanes.self) }
@inline(__always) func lanes(_ v: IntLanes) -> Lanes { unsafeBitCast(v, to: Lanes.self) }
/// Integers as floats. (The standard library's initializer is a function shared between modules: not for leaf code.)
@inline(__always) func floats(_ v: IntLanes) -> Lanes {
  #if ISA_AVX512
    return _mm512_cvtepi32_ps(unsafeBitCast(v, to: __m512i.self))
  #elseif ISA_AVX2
    return Lanes(
      lowHalf: _mm256_cvtepi32_ps(unsafeBitCast(v.lowHalf, to: __m256i.self)),
      highHalf: _mm256_cvtepi32_ps(unsafeBitCast(v.highHalf, to: __m256i.self)))
  #elseif arch(x86_64)
    @inline(__always) func four(_ v: SIMD4<Int32>) -> SIMD4<Float> {
      _mm_cvtepi32_ps(unsafeBitCast(v, to: __m128i.self))
    }
    return Lanes(
      lowHalf: SIMD8(lowHalf: four(v.lowHalf.lowHalf), highHalf: four(v.lowHalf.highHalf)),
      highHalf: SIMD8(lowHalf: four(v.highHalf.lowHalf), highHalf: four(v.highHalf.highHalf)))
  #else
    return Lanes(v)
  #endif
}
@inline(__always) func magnitude(_ v: Lanes) -> Lanes { lanes(bits(v) & 0x7FFF_FFFF) }

// The standard library's `pointwiseMax` and `replacing(with:where:)` go lane by lane with branches, so maxima are
// written with the instruction itself. Where one operand is not a number the second is returned, as x86 does.

#if ISA_AVX512
  @inline(__always) func maximum(_ a: Lanes, _ b: Lanes) -> Lanes { _mm512_max_ps(a, b) }
  @inline(__always) func minimum(_ a: Lanes, _ b: Lanes) -> Lanes { _mm512_min_ps(a, b) }
#elseif ISA_AVX2
  @inline(__always) func maximum(_ a: Lanes, _ b: Lanes) -> Lanes {
    Lanes(lowHalf: _mm256_max_ps(a.lowHalf, b.lowHalf), highHalf: _mm256_max_ps(a.highHalf, b.highHalf))
  }
  @inline(__always) func minimum(_ a: Lanes, _ b: Lanes) -> Lanes {
    Lanes(lowHalf: _mm256_min_ps(a.lowHalf, b.lowHalf), highHalf: _mm256_min_ps(a.highHalf, b.highHalf))
  }
#else
  @inline(__always) func maximum(_ a: Lanes, _ b: Lanes) -> Lanes {
    Lanes(
      lowHalf: SIMD8(
        lowHalf: maximum(a.lowHalf.lowHalf, b.lowHalf.lowHalf),
        highHalf: maximum(a.lowHalf.highHalf, b.lowHalf.highHalf)),
      highHalf: SIMD8(
        lowHalf: maximum(a.highHalf.lowHalf, b.highHalf.lowHalf),
        highHalf: maximum(a.highHalf.highHalf, b.highHalf.highHalf)))
  }
  @inline(__always) func minimum(_ a: Lanes, _ b: Lanes) -> Lanes { -maximum(-a, -b) }
#endif

@inline(__always) func maximum(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> SIMD4<Float> {
  #if arch(x86_64)
    return _mm_max_ps(a, b)
  #else
    return SIMD4(
      a[0] > b[0] ? a[0] : b[0], a[1] > b[1] ? a[1] : b[1], a[2] > b[2] ? a[2] : b[2], a[3] > b[3] ? a[3] : b[3])
  #endif
}

/// The sums of the squares of `count` numbers, a multiple of 16, in the lanes.
@inline(__always) func squares(_ x: UnsafePointer<Float>, _ count: Int) -> Lanes {
  var sums = Lanes(), i = 0
  while i < count {
    let v = load(x + i)
    sums = fma(v, v, sums)
    i &+= 16
  }
  return sums
}

/// The largest lane.
@inline(__always) func largest(_ v: Lanes) -> Float {
  let low = maximum(v.lowHalf.lowHalf, v.lowHalf.highHalf), high = maximum(v.highHalf.lowHalf, v.highHalf.highHalf)
  let four = maximum(low, high)
  let two = maximum(four, SIMD4(four[2], four[3], four[0], four[1]))
  return maximum(two, SIMD4(two[1], two[0], two[3], two[2]))[0]
}
