import Synchronization

/// What the calls of one bound kernel run: built kernels, and which shape gets which.
final class DispatchPlan: Sendable {
  /// One built kernel.
  struct Entry: Sendable {
    let kernel: any Kernel
    let counters: CallCounters
    let solution: KernelSolution

    init(solution: KernelSolution, kernel: any Kernel, counters: CallCounters) {
      (self.solution, self.kernel, self.counters) = (solution, kernel, counters)
    }
  }
  typealias Target = (entry: Int, route: Route)

  let entries: [Entry]
  /// For every shape, or for those that the table does not speak for.
  let overall: Target
  private let table: ShapeTable?
  /// The entry of each row of the table.
  private let entryOfRow: [Int]
  /// Shapes that were looked up before.
  private let memo = Mutex(Memo())

  private struct Memo: Sendable {
    var lastSizes = AxisSizes(repeating: -2)
    var lastTarget: Target = (0, .overall)
    var targets: [[Int]: Target] = [:]
  }
  /// Shapes kept; more than this are looked up again.
  private static let memoLimit = 4096

  /// - entryOfRow: for a table that decides by shape, the entry of each row's winner.
  init(_ entries: [Entry], overall: Target, table: ShapeTable? = nil, entryOfRow: [Int] = []) {
    (self.entries, self.overall, self.table, self.entryOfRow) = (entries, overall, table, entryOfRow)
  }

  /// - sizes: of the variable axes, in the definition's order.
  @inline(__always)
  func target(_ sizes: AxisSizes) -> Target { table == nil ? overall : lookUp(sizes) }

  private func lookUp(_ sizes: AxisSizes) -> Target {
    memo.withLock { memo in
      if Self.equal(memo.lastSizes, sizes) { return memo.lastTarget }
      let key = (0..<16).map { sizes[$0] }, target = memo.targets[key] ?? resolve(sizes)
      if memo.targets.count < Self.memoLimit { memo.targets[key] = target }
      (memo.lastSizes, memo.lastTarget) = (sizes, target)
      return target
    }
  }

  @inline(__always)
  private static func equal(_ a: borrowing AxisSizes, _ b: borrowing AxisSizes) -> Bool {
    var difference = 0
    for i in 0..<16 { difference |= a[i] ^ b[i] }
    return difference == 0
  }

  private func resolve(_ sizes: AxisSizes) -> Target {
    guard let table, let width = table.rows.first?.axes.count, let found = table.resolve((0..<width).map { sizes[$0] })
    else { return overall }
    return (entryOfRow[found.row], found.route)
  }

  /// Where the objects are that most calls read, for `CallTrail`.
  var trail: [UInt] {
    let kernel = entries[overall.entry].kernel
    let table = entries.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress.map { $0 + overall.entry }) }
    // A kernel of more than three words lies in memory of its own, which the first word points to. One that is a closure
    // has its context in the second.
    func size<K: Kernel>(_ kernel: K) -> Int { MemoryLayout<K>.size }
    let isApart = size(kernel) > 24
    let place = withUnsafeBytes(of: kernel) { $0.load(fromByteOffset: isApart ? 0 : 8, as: UInt.self) }
    return [CallTrail.place(of: self), table, CallTrail.place(of: entries[overall.entry].counters), place]
      + kernel.firstReads.map { UInt(bitPattern: $0) }
  }

  /// The same plan with another kernel in one entry's place.
  func replacing(_ entry: Int, by replacement: Entry, route: Route) -> DispatchPlan {
    var entries = entries
    entries[entry] = replacement
    let overall: Target = overall.entry == entry ? (entry, route) : overall
    return DispatchPlan(entries, overall: overall, table: table, entryOfRow: entryOfRow)
  }
}
