// The three passes over a row of logits that sampling without a full sort needs. Each reads the row once: 4 bytes an
// element.

/// The largest logit and the first place where it stands; -1 as the place when the row holds a NaN, or nothing finite.
@inline(never)
public func largestLogit(_ row: UnsafePointer<Float>, _ count: Int) -> (value: Float, index: Int) {
  var lanes = Lanes(repeating: -.infinity), notNumbers = IntLanes()
  var best = -Float.infinity
  var i = 0
  while i &+ 16 <= count {
    let v = load(row + i)
    lanes = maximum(v, lanes)
    notNumbers |= IntLanes(repeating: 0x7F80_0000) &- bits(magnitude(v))  // negative for a NaN
    i &+= 16
  }
  best = largest(lanes)
  var invalid = Int32(0)
  for lane in 0..<16 { invalid |= notNumbers[lane] }
  while i < count {
    if row[i] != row[i] { invalid = -1 }
    if row[i] > best { best = row[i] }
    i &+= 1
  }
  if invalid < 0 || !(best > -.infinity && best < .infinity) { return (best, -1) }
  // Where: whole vectors are skipped until one holds it.
  i = 0
  while i &+ 16 <= count {
    if largest(load(row + i)) == best { break }
    i &+= 16
  }
  while row[i] != best { i &+= 1 }
  return (best, i)
}

/// Σ e^((x - largest) * scale), lane by lane and then in a fixed tree.
@inline(never)
public func sumOfExponentials(_ row: UnsafePointer<Float>, _ count: Int, largest: Float, scale: Float) -> Double {
  let offset = Lanes(repeating: largest), factor = Lanes(repeating: scale)
  // Sums of 64 vectors stay in float32; they are added up in double precision.
  var total = 0.0, i = 0
  while i &+ 16 <= count {
    var lanes = Lanes()
    let end = min(count &- 15, i &+ 1024)
    while i < end {
      lanes += exp((load(row + i) - offset) * factor)
      i &+= 16
    }
    total += Double(sum(lanes))
  }
  while i < count {
    total += Double(exp(Lanes(repeating: (row[i] - largest) * scale))[0])
    i &+= 1
  }
  return total
}

/// Writes the places of all logits that are at least `threshold`, ascending. Returns how many; `indices` has room for all.
@inline(never)
public func collectLogits(
  _ row: UnsafePointer<Float>, _ count: Int, threshold: Float, _ indices: UnsafeMutablePointer<Int32>
) -> Int {
  var found = 0, i = 0
  while i < count {
    if i &+ 16 <= count, largest(load(row + i)) < threshold {
      i &+= 16
      continue
    }
    let end = min(count, i &+ 16)
    while i < end {
      if row[i] >= threshold {
        indices[found] = Int32(truncatingIfNeeded: i)
        found &+= 1
      }
      i &+= 1
    }
  }
  return found
}
