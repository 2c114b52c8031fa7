import Glibc
import KernelRuntime

/// Attention as the public definitions mean it, whatever the layout of queries, keys and values: float32 arithmetic,
/// bfloat16 outputs, lse in base 2, the last query of a sequence at its last position.
///
/// A query that sees nothing (its sequence has no keys, or fewer than queries) gets output 0 and lse -∞.
struct ReferenceAttention {
  typealias Row = UnsafeMutablePointer<Float>
  typealias Sequence = ReferenceSequences.Sequence

  /// Key heads, and the query heads that share each.
  var keyHeads: Int, group: Int
  var keyWidth: Int, valueWidth: Int
  var scale: Float
  /// Writes `keyWidth` floats: the query of a token and a query head.
  var loadQuery: (_ token: Int, _ head: Int, _ into: Row) -> Void
  /// Writes `keyWidth` or `valueWidth` floats: the row of a position of a sequence and a key head.
  var loadKey: (Sequence, _ position: Int, _ head: Int, _ into: Row) -> Void
  var loadValue: (Sequence, _ position: Int, _ head: Int, _ into: Row) -> Void

  /// Tokens that share the loading of keys and values.
  private static let tile = 8

  private struct Unit {
    let sequence: Sequence, tokens: Range<Int>, head: Int
  }

  /// - output: [tokens, heads, valueWidth] bfloat16; lse: [tokens, heads].
  func run(
    _ sequences: [Sequence], output: UnsafeMutablePointer<UInt16>, lse: UnsafeMutablePointer<Float>, tokens: Int,
    on pool: WorkerPool
  ) {
    let heads = keyHeads * group
    output.update(repeating: 0, count: tokens * heads * valueWidth)
    lse.update(repeating: -.infinity, count: tokens * heads)
    var units: [Unit] = []
    for sequence in sequences where sequence.length > 0 {
      for start in stride(from: sequence.tokens.lowerBound, to: sequence.tokens.upperBound, by: Self.tile) {
        let end = min(start + Self.tile, sequence.tokens.upperBound)
        for head in 0..<keyHeads { units.append(Unit(sequence: sequence, tokens: start..<end, head: head)) }
      }
    }
    pool.parallel(units.count) { attend(units[$0], output, lse) }
  }

  /// The rows of one unit: its tokens × the query heads of its key head.
  private func attend(_ unit: Unit, _ output: UnsafeMutablePointer<UInt16>, _ lse: UnsafeMutablePointer<Float>) {
    let length = unit.sequence.length, rows = unit.tokens.count * group
    let before = length - unit.sequence.tokens.count - unit.sequence.tokens.lowerBound + 1
    /// How many positions a row's token sees: token + before.
    func visible(_ row: Int) -> Int { max(0, unit.tokens.lowerBound + row / group + before) }
    let sizes = (rows * keyWidth, rows * length, rows * valueWidth, max(keyWidth, valueWidth))
    let capacity = sizes.0 + sizes.1 + sizes.2 + sizes.3
    withUnsafeTemporaryAllocation(of: Float.self, capacity: capacity) { buffer in
      guard let query = buffer.baseAddress else { return }
      let scores = query + sizes.0, sums = scores + sizes.1, loaded = sums + sizes.2
      for row in 0..<rows {
        loadQuery(unit.tokens.lowerBound + row / group, unit.head * group + row % group, query + row * keyWidth)
      }
      // scores
      let most = visible(rows - 1)
      for position in 0..<most {
        loadKey(unit.sequence, position, unit.head, loaded)
        for row in 0..<rows where position < visible(row) {
          scores[row * length + position] = ReferenceElements.dot(query + row * keyWidth, loaded, keyWidth) * scale
        }
      }
      // softmax
      let heads = keyHeads * group
      for row in 0..<rows where visible(row) > 0 {
        let mine = scores + row * length, count = visible(row)
        var largest = -Float.infinity
        for i in 0..<count { largest = max(largest, mine[i]) }
        var total = 0.0
        for i in 0..<count {
          mine[i] = exp(mine[i] - largest)
          total += Double(mine[i])
        }
        let place = (unit.tokens.lowerBound + row / group) * heads + unit.head * group + row % group
        lse[place] = Float((log(total) + Double(largest)) / log(2.0))
        for i in 0..<count { mine[i] /= Float(total) }
      }
      // weighted sum
      sums.update(repeating: 0, count: sizes.2)
      for position in 0..<most {
        loadValue(unit.sequence, position, unit.head, loaded)
        for row in 0..<rows where position < visible(row) {
          ReferenceElements.add(
            scores[row * length + position], times: loaded, to: sums + row * valueWidth, valueWidth)
        }
      }
      for row in 0..<rows {
        let place = (unit.tokens.lowerBound + row / group) * heads + unit.head * group + row % group
        for i in 0..<valueWidth {
          output[place * valueWidth + i] = ReferenceElements.bfloat16(sums[row * valueWidth + i])
        }
      }
    }
  }
}
