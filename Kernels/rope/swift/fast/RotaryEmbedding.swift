// Rotary position embedding in place: each pair (a, b) of a head becomes (a cos - b sin, b cos + a sin).
//
// neox pairs element i with i + rotary / 2, interleaved pairs 2i with 2i + 1. Bytes per element: 4 read, 4 written, and
// 4 of the table for each token. The product-then-fused-add order is fixed: a token's result depends on it alone.

/// - x: [tokens, heads, dimension] float32; table: [positions, rotary], cosines then sines; positions: [tokens].
@inline(never)
public func rotateNeox(
  _ x: UnsafeMutablePointer<Float>, _ table: UnsafePointer<Float>, _ positions: UnsafePointer<Int32>,
  tokens: Range<Int>, heads: Int, dimension: Int, rotary: Int
) {
  let half = rotary / 2
  for token in tokens {
    let cosines = table + Int(positions[token]) &* rotary, sines = cosines + half
    for head in 0..<heads {
      let low = x + (token &* heads &+ head) &* dimension, high = low + half
      var i = 0
      while i &+ 16 <= half {
        let a = load(low + i), b = load(high + i), c = load(cosines + i), s = load(sines + i)
        store(fma(-b, s, a * c), low + i)
        store(fma(a, s, b * c), high + i)
        i &+= 16
      }
      while i < half {
        let a = low[i], b = high[i]
        low[i] = a * cosines[i] - b * sines[i]
        high[i] = b * cosines[i] + a * sines[i]
        i &+= 1
      }
    }
  }
}

/// As `rotateNeox`, for neighbouring pairs.
@inline(never)
public func rotateInterleaved(
  _ x: UnsafeMutablePointer<Float>, _ table: UnsafePointer<Float>, _ positions: UnsafePointer<Int32>,
  tokens: Range<Int>, heads: Int, dimension: Int, rotary: Int
) {
  let half = rotary / 2
  for token in tokens {
    let cosines = table + Int(positions[token]) &* rotary, sines = cosines + half
    for head in 0..<heads {
      let row = x + (token &* heads &+ head) &* dimension
      for i in 0..<half {
        let a = row[2 &* i], b = row[2 &* i &+ 1]
        row[2 &* i] = a * cosines[i] - b * sines[i]
        row[2 &* i &+ 1] = b * cosines[i] + a * sines[i]
      }
    }
  }
}
