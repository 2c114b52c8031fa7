/// Sampling in plain Swift: the whole row is sorted.
/// - Returns: the token, or nil for a row with a NaN or without a finite largest logit.
func samplingOracle(_ logits: UnsafeBufferPointer<Float>, _ row: SamplingRow) -> Int32? {
  if logits.contains(where: \.isNaN) { return nil }
  let order = logits.indices.sorted { (logits[$0], $1) > (logits[$1], $0) }
  guard let first = order.first, logits[first].isFinite else { return nil }
  if row.temperature <= 0 { return Int32(first) }
  let weights = order.map {
    SortedDraw.weight(logits[$0], largest: logits[first], temperature: row.temperature)
  }
  let draw = SortedDraw(row: row).choose(weights, isComplete: true, total: weights.reduce(0, +))
  return draw.map { Int32(order[$0]) }
}
