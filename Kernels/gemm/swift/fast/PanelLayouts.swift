// What a block of each layout of panels contributes to the sums of a tile (IntegerPanels.swift): products of pairs, summed as
// integers, times the scales of weights and activations, and the minimum of weights times the sum of activations.
import CPUIntrinsics

/// Calls `body` for each of 0 ..< count: 1 to 4, 8 or 12. Where the compiler leaves a loop, the sums that it counts
/// through are in memory.
@inline(__always)
private func unrolled(_ count: Int, _ body: (Int) -> Void) {
  body(0)
  if count > 1 { body(1) }
  if count > 2 { body(2) }
  if count > 3 { body(3) }
  if count <= 4 { return }
  body(4)
  body(5)
  body(6)
  body(7)
  if count <= 8 { return }
  body(8)
  body(9)
  body(10)
  body(11)
}

/// The sums of one block for T outputs. At most 255 * 32512 * 32 < 2^28.
private struct Dots<let T: Int> {
  var even = InlineArray<T, IntLanes> { _ in IntLanes() }
  var odd = InlineArray<T, IntLanes> { _ in IntLanes() }
  @inline(__always) init() {}

  /// Where multiplying and adding is one instruction, it waits for the one before it on its sum: few sums are halved.
  @inline(__always) static var isHalved: Bool {
    #if ISA_AVX512
      return T <= 8
    #else
      return false
    #endif
  }

  @inline(__always) subscript(i: Int) -> Lanes {
    floats(Self.isHalved ? even[unchecked: i] &+ odd[unchecked: i] : even[unchecked: i])
  }
}

/// Adds what one vector of each panel at `w` holds as `pair`, times the pairs of all rows at `x`.
@inline(__always)
private func add<let T: Int, Pair: WeightPair>(
  _ c: inout Dots<T>, _ w: UnsafeRawPointer, _ pair: Pair.Type, _ x: UnsafePointer<Int16>, odd: Bool = false,
  pitch: Int, rows: Int, panels: Int
) {
  for p in 0..<panels {
    let weights = Pair.of((w + p &* pitch).loadUnaligned(as: IntLanes.self))
    for r in 0..<rows {
      let i = r &* panels &+ p
      let pair = IntLanes(repeating: UnsafeRawPointer(x + r &* 32).loadUnaligned(as: Int32.self))
      if odd && Dots<T>.isHalved {
        c.odd[unchecked: i] = dotPairs(c.odd[unchecked: i], weights, pair)
      } else {
        c.even[unchecked: i] = dotPairs(c.even[unchecked: i], weights, pair)
      }
    }
  }
}

/// Adds vector `s` of a nibble block.
@inline(__always)
private func addNibbles<let T: Int>(
  _ c: inout Dots<T>, vector s: Int, _ w: UnsafeRawPointer, pitch: Int, _ q: UnsafePointer<Int16>, rows: Int,
  panels: Int
) {
  let word = w + s &* 64, x = q + 4 &* s
  add(&c, word, Nibbles0.self, x, pitch: pitch, rows: rows, panels: panels)
  add(&c, word, Nibbles4.self, x + 16, odd: true, pitch: pitch, rows: rows, panels: panels)
  add(&c, word, Nibbles8.self, x + 2, pitch: pitch, rows: rows, panels: panels)
  add(&c, word, Nibbles12.self, x + 18, odd: true, pitch: pitch, rows: rows, panels: panels)
}

/// Adds a nibble block to T sums. `scales`: d and minimum of 16 features, at what follows a panel's nibbles. No loop over
/// vectors: where an address has an index, an instruction that reads its operand from memory takes two slots of the
/// processor instead of one.
@inline(__always)
private func addNibbleBlock<let T: Int>(
  _ t: inout Sums<T>, _ w: UnsafeRawPointer, pitch: Int, _ a: QuantizedRows, _ q: UnsafePointer<Int16>, _ at: Int,
  rows: Int, panels: Int, scales: (UnsafeRawPointer) -> (d: Lanes, minimum: Lanes)
) {
  var c = Dots<T>()
  addNibbles(&c, vector: 0, w, pitch: pitch, q, rows: rows, panels: panels)
  addNibbles(&c, vector: 1, w, pitch: pitch, q, rows: rows, panels: panels)
  addNibbles(&c, vector: 2, w, pitch: pitch, q, rows: rows, panels: panels)
  addNibbles(&c, vector: 3, w, pitch: pitch, q, rows: rows, panels: panels)
  for p in 0..<panels {
    let (d, minimum) = scales(w + (p &* pitch &+ 256))
    unrolled(rows) { r in
      let i = r &* panels &+ p, row = at &+ r
      t.f[unchecked: i] = fma(c[i] * d, Lanes(repeating: a.scales[row]), t.f[unchecked: i])
      t.f[unchecked: i] = fma(minimum, Lanes(repeating: a.offsets[row]), t.f[unchecked: i])
    }
  }
}

/// Adds vectors `s` and `s` + 1 of a byte block.
@inline(__always)
private func addBytes<let T: Int, Low: WeightPair, High: WeightPair>(
  _ c: inout Dots<T>, vector s: Int, _ low: Low.Type, _ high: High.Type, _ w: UnsafeRawPointer, pitch: Int,
  _ q: UnsafePointer<Int16>, rows: Int, panels: Int
) {
  let word = w + s &* 64, x = q + 4 &* s
  add(&c, word, low, x, pitch: pitch, rows: rows, panels: panels)
  add(&c, word, high, x + 2, odd: true, pitch: pitch, rows: rows, panels: panels)
  add(&c, word + 64, low, x + 4, pitch: pitch, rows: rows, panels: panels)
  add(&c, word + 64, high, x + 6, odd: true, pitch: pitch, rows: rows, panels: panels)
}

/// 256 + 16 d (f16) + 16 m (f16).
enum NibbleMinimumHalf: PanelLayout {
  @inline(__always) static var blockBytes: Int { 320 }

  @inline(__always) static func block<let T: Int>(
    _ t: inout Sums<T>, _ w: UnsafeRawPointer, pitch: Int, _ a: QuantizedRows, _ q: UnsafePointer<Int16>, _ at: Int,
    rows: Int, panels: Int
  ) {
    addNibbleBlock(&t, w, pitch: pitch, a, q, at, rows: rows, panels: panels) {
      (loadFloat16($0), loadFloat16($0 + 32))
    }
  }
}

/// 256 + 16 d (f32) + 16 m (f32).
enum NibbleMinimumFloat: PanelLayout {
  @inline(__always) static var blockBytes: Int { 384 }

  @inline(__always) static func block<let T: Int>(
    _ t: inout Sums<T>, _ w: UnsafeRawPointer, pitch: Int, _ a: QuantizedRows, _ q: UnsafePointer<Int16>, _ at: Int,
    rows: Int, panels: Int
  ) {
    addNibbleBlock(&t, w, pitch: pitch, a, q, at, rows: rows, panels: panels) {
      (load($0.assumingMemoryBound(to: Float.self)), load(($0 + 64).assumingMemoryBound(to: Float.self)))
    }
  }
}

/// 512 + 16 d (f16), signed.
enum ByteSymmetricHalf: PanelLayout {
  @inline(__always) static var blockBytes: Int { 544 }

  @inline(__always) static func block<let T: Int>(
    _ t: inout Sums<T>, _ w: UnsafeRawPointer, pitch: Int, _ a: QuantizedRows, _ q: UnsafePointer<Int16>, _ at: Int,
    rows: Int, panels: Int
  ) {
    var c = Dots<T>()
    addBytes(&c, vector: 0, LowSigned.self, HighSigned.self, w, pitch: pitch, q, rows: rows, panels: panels)
    addBytes(&c, vector: 2, LowSigned.self, HighSigned.self, w, pitch: pitch, q, rows: rows, panels: panels)
    addBytes(&c, vector: 4, LowSigned.self, HighSigned.self, w, pitch: pitch, q, rows: rows, panels: panels)
    addBytes(&c, vector: 6, LowSigned.self, HighSigned.self, w, pitch: pitch, q, rows: rows, panels: panels)
    for p in 0..<panels {
      let d = loadFloat16(w + (p &* pitch &+ 512))
      unrolled(rows) { r in
        let i = r &* panels &+ p
        t.f[unchecked: i] = fma(c[i] * d, Lanes(repeating: a.scales[at &+ r]), t.f[unchecked: i])
      }
    }
  }
}

/// 512 + (16 d (f32) + 16 m (f32)) for k < 16, and again for the rest.
enum BytePairMinimumFloat: PanelLayout {
  @inline(__always) static var blockBytes: Int { 768 }

  @inline(__always) static func block<let T: Int>(
    _ t: inout Sums<T>, _ w: UnsafeRawPointer, pitch: Int, _ a: QuantizedRows, _ q: UnsafePointer<Int16>, _ at: Int,
    rows: Int, panels: Int
  ) {
    for half in 0..<2 {
      var c = Dots<T>()
      addBytes(&c, vector: 4 &* half, LowBytes.self, HighBytes.self, w, pitch: pitch, q, rows: rows, panels: panels)
      addBytes(
        &c, vector: 4 &* half &+ 2, LowBytes.self, HighBytes.self, w, pitch: pitch, q, rows: rows, panels: panels)
      for p in 0..<panels {
        let f = (w + (p &* pitch &+ 512 &+ half &* 128)).assumingMemoryBound(to: Float.self)
        unrolled(rows) { r in
          let i = r &* panels &+ p, offset = a.half_offsets[2 &* (at &+ r) &+ half]
          t.f[unchecked: i] = fma(c[i] * load(f), Lanes(repeating: a.scales[at &+ r]), t.f[unchecked: i])
          t.f[unchecked: i] = fma(load(f + 16), Lanes(repeating: offset), t.f[unchecked: i])
        }
      }
    }
  }
}
