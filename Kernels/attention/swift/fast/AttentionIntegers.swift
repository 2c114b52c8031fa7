// Attention in integers: how queries, keys, values and weights become pairs of 16-bit numbers, of which one instruction
// multiplies and adds twice as many as of float32. Caches of float32 are multiplied in float32.
//
//     key, value   k ≈ unit · n, one unit for each position: a power of two such that |n| < 2^15, where |·| is the
//                  Euclidean norm. Elements of float16 keep all bits down to a sixteenth of the norm, of bfloat16 down
//                  to a 128th. Elements of int8 are such integers already, and their scale the unit.
//     query        q ≈ unit · n with |n| ≤ 65000, and no element above 32700. By Cauchy and Schwarz |q · k| < 2^31 in
//                  units, and every partial sum.
//     weight       p · (unit of the value) ≈ unit · n, with unit = (sum over the block) / 32700: Σ n v < 2^31 in units.
//
// Sums of integers are exact in any order. What is rounded, and to what, depends on one position, one row, or the weights
// that one row gives to the block's positions that it sees: never on other rows, nor on what a row does not see.
//
// The error is below that of the float16 cache: decisions/0011.
import CPUIntrinsics

/// What the sum of a row's weights over a block becomes, and the largest that an element of a query does.
let largestInteger: Float = 32_700
/// The largest that the norm of a query becomes.
private let largestNorm: Float = 65_000

/// By how much a score may lie above the maximum that a row's weights are relative to: sums seldom need to be rescaled
/// then, and no weight is above 2^12.
let allowedGrowth: Float = 12

/// The maximum that a row's weights are relative to from now on.
@inline(__always)
func raised(_ maximum: Float, _ highest: Float) -> Float { highest > maximum + allowedGrowth ? highest : maximum }

extension AttentionBlocks {
  @inline(__always) var multipliesIntegers: Bool { cacheKeys.kind != .float32 }
}

/// Pairs that hold a head: elements i and i + 16 of 32 are one.
@inline(__always) func pairCount(_ padded: Int) -> Int { (padded &+ 16) / 32 &* 16 }

/// Pairs lie in memory as the bits of floats.
@inline(__always) func loadPairs(_ p: UnsafePointer<Float>) -> IntLanes { bits(load(p)) }
@inline(__always) func storePairs(_ v: IntLanes, _ p: UnsafeMutablePointer<Float>) { store(lanes(v), p) }

/// What one unit of a key's or value's integers is worth, and 1 over it: with norm < 2^(half + 1) a unit is 2^(half - 14).
/// Where an element is not finite the unit is NaN.
/// - squares: the sum of the elements' squares, of as many rows as there are lanes.
@inline(__always)
func unitsOfRows(_ squares: Lanes) -> (units: Lanes, inverses: Lanes) {
  let half = ((bits(squares) &>> 23) &- 127) &>> 1
  @inline(__always) func power(_ exponent: IntLanes) -> Lanes { lanes((exponent &+ 127) &<< 23) }
  return (fma(squares, Lanes(), power(half &- 14)), power(14 &- half))
}

/// The same where elements are integers already. Units are never negative: the integers take the sign.
@inline(__always)
func unitsOfSlots(_ scales: Lanes) -> (units: Lanes, inverses: Lanes) {
  (magnitude(scales), lanes(bits(scales) & Int32.min | bits(Lanes(repeating: 1))))
}

/// The sum of each row of [16][16], in the lanes of the result.
@inline(__always)
func rowSums(_ rows: UnsafePointer<Float>) -> Lanes {
  #if ISA_AVX512
    return cpu_row_sums16(rows)
  #else
    var sums = Lanes()
    for j in 0..<16 { sums[j] = sum(load(rows + j &* 16)) }
    return sums
  #endif
}

/// A row of float32 as pairs; they may take the row's place.
@inline(__always)
func roundRow(
  _ row: UnsafePointer<Float>, _ padded: Int, _ inverse: Float, _ pair: UnsafeMutablePointer<Float>
) {
  let factor = Lanes(repeating: inverse)
  var i = 0
  while i &+ 32 <= padded {
    storePairs(pairs(rounded(load(row + i), factor), rounded(load(row + (i &+ 16)), factor)), pair + i / 2)
    i &+= 32
  }
  if i < padded { storePairs(pairs(rounded(load(row + i), factor), IntLanes()), pair + i / 2) }
}

/// Turns the first `count` queries into pairs, in their place.
@inline(__always)
func roundQueries(_ scratch: AttentionScratch, _ shape: PagedAttentionShape, _ count: Int) {
  for row in 0..<count {
    let q = scratch.queries + row &* shape.padded
    let norm = sum(squares(q, shape.padded)).squareRoot()
    let unit = max(norm * (1 / largestNorm), largestOfRow(q, shape.padded) * (1 / largestInteger))
    let inverse = unit < 1e-20 ? 0 : 1 / unit
    // Units are never negative: the integers take the sign.
    roundRow(q, shape.padded, shape.scale < 0 ? -inverse : inverse, q)
    scratch.queryUnits[row] = unit * shape.scale.magnitude
  }
}

/// The largest magnitude of a row.
@inline(__always)
private func largestOfRow(_ row: UnsafePointer<Float>, _ padded: Int) -> Float {
  var most = Lanes(), i = 0
  while i < padded {
    most = maximum(magnitude(load(row + i)), most)
    i &+= 16
  }
  return largest(most)
}

/// Turns a row's weights of 16 positions, 0 for those that it does not see, into 8 pairs, two floats apart.
/// - values: the weights times the units of the values.
/// - Returns: what one unit is worth.
@inline(__always)
func roundWeights(_ values: Lanes, _ weights: UnsafeMutablePointer<Float>) -> Float {
  let total = sum(values)
  let numbers = unsafeBitCast(rounded(values, Lanes(repeating: largestInteger / total)), to: SIMD8<UInt64>.self)
  let pairs = (numbers & 0xFFFF) | ((numbers &>> 16) & 0xFFFF_0000)
  UnsafeMutableRawPointer(weights).storeBytes(of: pairs, as: SIMD8<UInt64>.self)
  return total * (1 / largestInteger)
}
