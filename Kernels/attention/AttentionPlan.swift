import CPUIntrinsics
import KernelsBaseline

/// One call cut into units that threads can take in any order.
///
/// The rows of all query tokens of one key-value head stand in a line, sharers of a prefix next to each other, and are cut
/// into tiles of up to three vectors of 16 rows. What is still too much for one thread is cut along the positions, between
/// segments, and behind a common prefix between sequences too: the units leave softmax states, which the one that is done
/// last merges. Where the cuts are changes no bit of the result.
///
///     positions   0    256   512   768            positions   0    256   512   768
///     head 0      |------- unit --------|         head 0      |-- unit --|-- unit --|-- unit --|   rows of some
///                 |                     |                     |          |          |-- unit --|   sequences each:
///                 |                     |                     |          |          |-- unit --|   a split each
///     one thread                                  two threads
struct AttentionPlan {
  /// Costly ones first, so that threads finish together.
  private(set) var units: [Unit] = []
  private(set) var parts: [AttentionPart] = []
  private(set) var steps: [AttentionStep] = []
  private(set) var splits: [Split] = []
  /// The most rows that a unit has.
  private(set) var rows = 0
  /// Floats for the states of all splits.
  private(set) var stateFloats = 0

  struct Unit {
    var parts: Range<Int>, steps: Range<Int>
    var head: Int
    /// In cycles, about.
    var cost: Int
    /// It computes no others; from the beginning of a segment on.
    var positions = 0..<Int.max
    /// What it leaves states for, and where in the memory for states its own begin; whether it is the first of the units
    /// of these rows. Nil: it writes the output.
    var states: Int?, isFirst = false, splits = 0..<0
    /// How many rows these states are of, and its first row among them.
    var stateRows = 0, firstRow = 0
  }

  /// Rows that several units compute, each some of the segments: the first unit leaves one state, as it merges its
  /// segments, the others one for each of theirs.
  struct Split {
    var parts: Range<Int>
    var head: Int
    /// Where the states begin, how many there are, of how many rows, and the first of the split's rows among them.
    var states: Int, stateCount: Int, stateRows: Int, firstRow: Int
    /// By how many units: when so many are done the states are merged.
    var units: Int
  }

  /// - window: how many positions a query sees.
  /// - sharing: whether sequences that begin with the same pages are computed together.
  init(_ call: PagedAttentionCall, window: Int, threads: Int, sharing: Bool) {
    let layout = Layout(call, window: window, sharing: sharing)
    let heads = call.keyValueHeads
    self.init(layout, tiles: [(48, 0..<heads)])
    // Where threads would wait for one that has a large unit, that is cut along the positions, or all units are smaller,
    // or those of the heads that are left when each thread has as many: whichever is done first.
    guard threads > 1 else { return }
    let even = (totalCost + threads - 1) / threads
    var best = time(threads: threads)
    guard best > even * 21 / 20 else { return }
    func consider(_ plan: AttentionPlan) {
      let time = plan.time(threads: threads)
      if time < best { (self, best) = (plan, time) }
    }
    let whole = self
    consider(whole.split(layout, even: even))
    consider(whole.split(layout, even: even, tails: 2 * threads))
    let left = heads - heads % threads
    for tile in [32, 24, 16] {
      for rest in Set([0, left]).sorted() where rest < heads {
        consider(AttentionPlan(layout, tiles: [(48, 0..<rest), (tile, rest..<heads)]))
      }
    }
  }

  private var totalCost: Int { units.reduce(0) { $0 + $1.cost } }

  /// - tiles: into how many rows the units of which heads are cut.
  private init(_ layout: Layout, tiles: [(rows: Int, heads: Range<Int>)]) {
    for tree in layout.trees {
      let rows = layout.rowStarts[tree.members.lowerBound]..<layout.rowStarts[tree.members.upperBound]
      for tile in tiles where !tile.heads.isEmpty {
        var sequence = tree.members.lowerBound
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: tile.rows) {
          add(layout, tree, start..<min(rows.upperBound, start + tile.rows), tile.heads, &sequence)
        }
      }
    }
    units.sort { $0.cost > $1.cost }
  }

  /// Adds the units of some rows of a tree, one for each of the key-value heads.
  /// - sequence: place in the order of the sequence that the first row is in; moved on.
  private mutating func add(
    _ layout: Layout, _ tree: Layout.Tree, _ rows: Range<Int>, _ heads: Range<Int>, _ sequence: inout Int
  ) {
    let (firstPart, firstStep) = (parts.count, steps.count)
    while layout.rowStarts[sequence + 1] <= rows.lowerBound { sequence += 1 }
    var i = sequence
    while i < tree.members.upperBound, layout.rowStarts[i] < rows.upperBound {
      let own = rows.clamped(to: layout.rowStarts[i]..<layout.rowStarts[i + 1])
      let sequence = layout.call.sequences[layout.order[i]]
      parts.append(
        AttentionPart(
          rows: own.count, first_row: own.lowerBound - layout.rowStarts[i], first_token: sequence.tokens.lowerBound,
          first_position: sequence.length - sequence.tokens.count, first_page: sequence.firstPage,
          alone: layout.shared[i]))
      i += 1
    }
    for run in layout.runs[tree.runs] {
      let own = rows.clamped(
        to: layout.rowStarts[run.members.lowerBound]..<layout.rowStarts[run.members.upperBound])
      if own.isEmpty { continue }
      let table = layout.call.sequences[layout.order[run.members.lowerBound]].firstPage
      steps.append(
        AttentionStep(
          first_row: own.lowerBound - rows.lowerBound, rows: own.count, first_page: table,
          from: run.positions.lowerBound, to: run.positions.upperBound))
    }
    self.rows = max(self.rows, rows.count)
    var unit = Unit(parts: firstPart..<parts.count, steps: firstStep..<steps.count, head: 0, cost: 0)
    unit.cost = cost(layout, unit, unit.positions)
    for head in heads {
      unit.head = head
      units.append(unit)
    }
  }

  // MARK: Cutting along the positions

  /// Lays all units in a line and cuts it where a thread has its share, at the nearest beginning of a segment: fewer cuts
  /// than threads (McNaughton 1959).
  /// - tails: into how many units what lies behind a common prefix is cut, between sequences. These fill up what segments
  ///   leave uneven.
  private func split(_ layout: Layout, even: Int, tails: Int = 1) -> AttentionPlan {
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

  /// The unit of some of another's parts.
  private mutating func unit(_ whole: Unit, of own: Range<Int>) -> Unit {
    var unit = whole
    unit.parts = own
    unit.firstRow = whole.firstRow + rowCount(whole.parts.lowerBound..<own.lowerBound)
    let rows = unit.firstRow - whole.firstRow..<unit.firstRow - whole.firstRow + rowCount(own)
    let firstStep = steps.count
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
  private func mergingTime(threads: Int) -> Int {
    splits.isEmpty ? 0 : stateFloats * 2 / min(threads, splits.count)
  }

  /// The positions that rows of a unit see, from the beginning of a segment on.
  private func seen(_ layout: Layout, _ unit: Unit) -> Range<Int> {
    var (first, end) = (unit.steps.isEmpty ? Int.max : 0, 0)
    for part in parts[unit.parts] {
      let own = layout.positions(part)
      (first, end) = (min(first, own.lowerBound), max(end, own.upperBound))
    }
    return first / attention_segment * attention_segment..<end
  }

  /// Of the rows of a unit over those of their positions that are in `positions`.
  private func cost(_ layout: Layout, _ unit: Unit, _ positions: Range<Int>) -> Int {
    let isFloat = layout.call.keys.dtype == .float32
    var cost = 0
    for part in parts[unit.parts] {
      let count = layout.positions(part).clamped(to: positions).count
      cost += Self.cost(rows: part.rows, positions: count, isFloat: isFloat)
    }
    for step in steps[unit.steps] {
      let count = (step.from..<step.to).clamped(to: positions).count
      cost += Self.cost(rows: step.rows, positions: count, isFloat: isFloat)
    }
    return cost
  }

  /// Cycles on a Zen 4 with a head of 64 elements; only ratios matter.
  private static func cost(rows: Int, positions: Int, isFloat: Bool) -> Int {
    let (vectors, rest) = rows.quotientAndRemainder(dividingBy: 16)
    let block =
      isFloat
      ? 690 + 2440 * vectors + (rest == 0 ? 0 : min(2440, 300 + 190 * rest))
      : 1000 + 1550 * vectors + (rest == 0 ? 0 : min(1550, 150 + 140 * rest))
    return (positions + 15) / 16 * block
  }

  /// Who computes what, such that threads are done at about the same time: unit numbers in `order`, those of a chunk one
  /// after the other, `chunksPerThread` chunks for each thread.
  struct Assignment {
    var order: [Int] = []
    /// Where each chunk begins in `order`, and one entry more.
    var starts: [Int] = [0]
    static let chunksPerThread = 4
  }

  /// Each unit goes to the thread that has least to do, costly ones first. A thread's units are cut into a few chunks, so
  /// that one that is done early can take some of another's.
  func assignment(threads: Int) -> Assignment {
    var lists = [[Int]](repeating: [], count: threads)
    _ = deal(threads: threads) { lists[$0].append($1) }
    var result = Assignment()
    for list in lists {
      for chunk in 1...Assignment.chunksPerThread {
        result.order +=
          list[
            (chunk - 1) * list.count / Assignment.chunksPerThread..<chunk * list.count
              / Assignment.chunksPerThread]
        result.starts.append(result.order.count)
      }
    }
    return result
  }

  /// When the last thread is done, merging included.
  private func time(threads: Int) -> Int { deal(threads: threads) { _, _ in } + mergingTime(threads: threads) }

  /// Calls `give` with a thread and a unit for all units; returns when the last thread is done.
  private func deal(threads: Int, _ give: (Int, Int) -> Void) -> Int {
    var busy = [Int](repeating: 0, count: threads)
    for (index, unit) in units.enumerated() {
      var least = 0
      for thread in 1..<max(1, threads) where busy[thread] < busy[least] { least = thread }
      busy[least] += unit.cost
      give(least, index)
    }
    return busy.max() ?? 0
  }

  /// The rows in their line.
  private struct Layout {
    let call: PagedAttentionCall
    let group: Int, window: Int
    let order: [Int]
    let runs: [SharedPrefixes.Run]
    /// By place in the order: where its rows begin, and one entry more; up to which position it is in runs.
    var rowStarts: [Int] = [0], shared: [Int]
    /// Sequences that share something, directly or not; those that share nothing are trees of their own.
    var trees: [Tree] = []

    struct Tree {
      var members: Range<Int>, runs: Range<Int>
    }

    /// What the rows of a part see alone.
    func positions(_ part: AttentionPart) -> Range<Int> {
      let end = part.first_position + (part.first_row + part.rows - 1) / group + 1
      let lowest = part.first_position + part.first_row / group
      let start = max(part.alone, max(0, lowest + 1 - window) & ~15)
      return min(start, end)..<end
    }

    init(_ call: PagedAttentionCall, window: Int, sharing: Bool) {
      (self.call, self.window) = (call, window)
      group = call.queryHeads / call.keyValueHeads
      let sequences = call.sequences
      shared = [Int](repeating: 0, count: sequences.count)
      if sharing && sequences.count > 1 {
        let prefixes = SharedPrefixes(
          sequences.map { sequence in
            // Where a window hides the first positions of a sequence, it goes alone.
            let first = sequence.length - sequence.tokens.count
            return SharedPrefixes.Table(
              pages: call.pages + sequence.firstPage, visible: sequence.length > window ? 0 : first + 1)
          }, pageSize: call.pageSize)
        order = prefixes.order
        // By tree, and those around before those within.
        runs = prefixes.runs.sorted {
          ($0.members.lowerBound, $0.positions.lowerBound) < ($1.members.lowerBound, $1.positions.lowerBound)
        }
      } else {
        order = Array(sequences.indices)
        runs = []
      }
      rowStarts.reserveCapacity(order.count + 1)
      for i in order { rowStarts.append(rowStarts[rowStarts.count - 1] + sequences[i].tokens.count * group) }
      var run = 0, member = 0
      while member < order.count {
        let firstRun = run
        var end = member + 1
        while run < runs.count, runs[run].members.lowerBound < end {
          end = max(end, runs[run].members.upperBound)
          for i in runs[run].members { shared[i] = max(shared[i], runs[run].positions.upperBound) }
          run += 1
        }
        trees.append(Tree(members: member..<end, runs: firstRun..<run))
        member = end
      }
    }
  }
}
