// One head of one token to int8 with one scale: scale = max |x| / 127, element = x / scale to the nearest, ties to even.
//
// What is written depends on the row alone. A row of zeros has scale 0 and elements 0; one that holds an infinity or a NaN
// has scale NaN and elements 0, so that whoever reads it reads NaN.

/// Writes `count` elements and returns their scale.
@inline(__always)
func quantise(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Int8>, _ count: Int) -> Float {
  // reduce: a product with zero is NaN for infinities and NaN, else zero
  var largestLanes = Lanes(), probeLanes = Lanes()
  var i = 0
  while i &+ 16 <= count {
    let v = load(x + i)
    largestLanes = maximum(magnitude(v), largestLanes)
    probeLanes += v * Lanes(repeating: 0)
    i &+= 16
  }
  var top = largest(largestLanes), probe = sum(probeLanes)
  while i < count {
    if x[i].magnitude > top { top = x[i].magnitude }
    probe += x[i] * 0
    i &+= 1
  }
  let scale = probe == probe ? top / 127 : Float.nan
  guard scale > 0 else {
    for i in 0..<count { y[i] = 0 }
    return scale
  }
  // scale and store: adding 1.5 * 2^23 rounds to an integer, which is then in the low bits
  let rounder: Float = 12_582_912
  i = 0
  while i &+ 16 <= count {
    let units = load(x + i) / Lanes(repeating: scale)
    // Beyond 127 only where the scale is subnormal.
    let clamped = minimum(Lanes(repeating: 127), maximum(Lanes(repeating: -127), units))
    storeBytes(bits(clamped + Lanes(repeating: rounder)) &- bits(Lanes(repeating: rounder)), y + i)
    i &+= 16
  }
  while i < count {
    var units = x[i] / scale
    if units > 127 { units = 127 }
    if units < -127 { units = -127 }
    y[i] = Int8(truncatingIfNeeded: Int32(bitPattern: (units + rounder).bitPattern &- rounder.bitPattern))
    i &+= 1
  }
  return scale
}
