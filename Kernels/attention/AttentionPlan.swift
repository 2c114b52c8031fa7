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
  var units: [Unit] = []
  var parts: [AttentionPart] = []
  var steps: [AttentionStep] = []
  var splits: [Split] = []
  /// The most rows that a unit has.
  var rows = 0
  /// Floats for the states of all splits.
  var stateFloats = 0

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

  /// Of the rows of a unit over those of their positions that are in `positions`.
  func cost(_ layout: Layout, _ unit: Unit, _ positions: Range<Int>) -> Int {
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
}
