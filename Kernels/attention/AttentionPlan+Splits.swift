import CPUIntrinsics
import KernelsBaseline

// Units that several threads compute together: cut along the positions, and behind a common prefix between sequences.
extension AttentionPlan {
  /// Lays all units in a line and cuts it where a thread has its share, at the nearest beginning of a segment: fewer cuts
  /// than threads (McNaughton 1959).
  /// - tails: into how many units what lies behind a common prefix is cut, between sequences. These fill up what segments
  ///   leave uneven.
  func split(_ layout: Layout, even: Int, tails: Int = 1) -> AttentionPlan {
    var plan = self, cut: [Unit] = []
    var room = even
    for unit in units {
      if unit.cost <= room + even / 50 {
        room -= unit.cost
        cut.append(unit)
      } else {
        let pieces = self.pieces(layout, unit, even: even, room: &room)
        if pieces.count > 1 {
          cut += plan.keep(layout, plan.cutTail(layout, of: pieces, tails))
        } else {
          cut.append(unit)
        }
      }
      if room < even / 50 { room += even }
    }
    plan.units = cut.sorted { $0.cost > $1.cost }
    return plan
  }

  /// - room: what the thread at which the line has arrived can still take; moved on.
  private func pieces(_ layout: Layout, _ unit: Unit, even: Int, room: inout Int) -> [Unit] {
    let seen = self.seen(layout, unit)
    var pieces: [Unit] = []
    var piece = unit
    (piece.positions, piece.cost) = (seen.lowerBound..<seen.lowerBound, 0)
    for from in stride(from: seen.lowerBound, to: seen.upperBound, by: attention_segment) {
      let cost = self.cost(layout, unit, from..<from + attention_segment)
      if cost / 2 > room {
        if piece.cost > 0 { pieces.append(piece) }
        (piece.positions, piece.cost) = (from..<from, 0)
        room += even
      }
      piece.positions = piece.positions.lowerBound..<from + attention_segment
      piece.cost += cost
      room -= cost
    }
    return pieces + [piece]
  }

  /// Cuts the last of a unit's pieces where nothing is shared any more: the sequences behind, `count` units of some each.
  private mutating func cutTail(_ layout: Layout, of pieces: [Unit], _ count: Int) -> [Unit] {
    let last = pieces[pieces.count - 1], shared = steps[last.steps].map(\.to).max() ?? 0
    // At the nearest beginning of a segment.
    let from = max(
      last.positions.lowerBound, (shared + attention_segment / 2) / attention_segment * attention_segment)
    let units = min(count, last.parts.count)
    guard units > 1, shared > 0, from < last.positions.upperBound else { return pieces }
    var cut = Array(pieces.dropLast())
    if from > last.positions.lowerBound {
      var before = last
      before.positions = last.positions.lowerBound..<from
      before.cost = cost(layout, before, before.positions)
      cut.append(before)
    }
    for number in 0..<units {
      let first = last.parts.count * number / units, end = last.parts.count * (number + 1) / units
      var tail = self.unit(last, of: last.parts.lowerBound + first..<last.parts.lowerBound + end)
      tail.positions = from..<last.positions.upperBound
      tail.cost = cost(layout, tail, tail.positions)
      cut.append(tail)
    }
    return cut
  }

  /// A unit of some of another's parts.
  private mutating func unit(_ whole: Unit, of own: Range<Int>) -> Unit {
    var unit = whole
    (unit.parts, unit.firstRow) = (own, rowCount(whole.parts.lowerBound..<own.lowerBound))
    let rows = unit.firstRow..<unit.firstRow + rowCount(own), firstStep = steps.count
    for step in steps[whole.steps] {
      let shared = rows.clamped(to: step.first_row..<step.first_row + step.rows)
      if shared.isEmpty { continue }
      var step = step
      (step.first_row, step.rows) = (shared.lowerBound - rows.lowerBound, shared.count)
      steps.append(step)
    }
    unit.steps = firstStep..<steps.count
    return unit
  }

  private func rowCount(_ range: Range<Int>) -> Int { parts[range].reduce(0) { $0 + $1.rows } }

  /// Gives the pieces of a unit memory for their states, and says who merges which rows: all, or each tail's.
  private mutating func keep(_ layout: Layout, _ pieces: [Unit]) -> [Unit] {
    let whole = pieces[0], rows = rowCount(whole.parts)
    let tails = pieces.filter { $0.parts != whole.parts }
    // One state of the first piece, and one of each segment behind it.
    func stateNumber(_ position: Int) -> Int { 1 + (position - whole.positions.upperBound) / attention_segment }
    let stateCount = stateNumber(pieces[pieces.count - 1].positions.upperBound)
    let floats = attentionStateFloats(rows: rows, headDimension: layout.call.headDimension)
    let firstSplit = splits.count
    for piece in tails.isEmpty ? [whole] : tails {
      splits.append(
        Split(
          parts: piece.parts, head: piece.head, states: stateFloats, stateCount: stateCount, stateRows: rows,
          firstRow: piece.firstRow, units: pieces.count - max(0, tails.count - 1)))
    }
    var kept = pieces, tail = firstSplit
    for i in kept.indices {
      let number = i == 0 ? 0 : stateNumber(kept[i].positions.lowerBound)
      (kept[i].states, kept[i].isFirst, kept[i].stateRows) = (stateFloats + number * floats, i == 0, rows)
      if kept[i].parts == whole.parts {
        kept[i].splits = firstSplit..<splits.count
      } else {
        kept[i].splits = tail..<tail + 1
        tail += 1
      }
    }
    stateFloats += stateCount * floats
    return kept
  }

  /// Cycles until splits are merged, about: states lie in other processors' caches.
  func mergingTime(threads: Int) -> Int { splits.isEmpty ? 0 : stateFloats * 2 / min(threads, splits.count) }

  /// The positions that rows of a unit see, from the beginning of a segment on.
  private func seen(_ layout: Layout, _ unit: Unit) -> Range<Int> {
    var (first, end) = (unit.steps.isEmpty ? Int.max : 0, 0)
    for part in parts[unit.parts] {
      let own = layout.positions(part)
      (first, end) = (min(first, own.lowerBound), max(end, own.upperBound))
    }
    return first / attention_segment * attention_segment..<end
  }
}
