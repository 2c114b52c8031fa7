import CPUIntrinsics
import KernelRuntime

/// How a gemm over panels is cut for a pool: blocks of rows by ranges of panels. The cut changes who computes an output,
/// never how.
struct PanelTiles {
  let rows: Int, panels: Int
  private let rowBlock: Int, panelBlock: Int

  /// Below this many multiply-adds (about 2 µs) a chunk is not worth handing over.
  private static let smallestChunk = 1 << 18
  /// Multiply-adds that take as long as a weight takes to come from memory: fewer rows take no less time.
  private static let readCost = 8
  /// Chunks a thread at most: more hide better that a thread is late.
  private static let mostChunks = 8

  init(rows: Int, panels: Int, inputs K: Int, threads: Int) {
    (self.rows, self.panels) = (rows, panels)
    rowBlock = min(rows, gemm_row_block)
    if threads == 1 {
      panelBlock = panels
      return
    }
    // One row takes four panels at once, several rows take two.
    let work = max(rowBlock, Self.readCost) * 16 * K, together = rows == 1 ? 4 : 2
    panelBlock = Self.evenBlock(
      panels, at: max(together, Self.roundUp(Self.smallestChunk / max(work, 1), to: together)), threads: threads)
  }

  private static func roundUp(_ count: Int, to multiple: Int) -> Int {
    max(1, (count + multiple - 1) / multiple) * multiple
  }

  /// Panels of a chunk, even and at least `least`, such that the threads are done soonest together; of equals the smallest.
  private static func evenBlock(_ panels: Int, at least: Int, threads: Int) -> Int {
    var best = least, bestEnd = Int.max, size = 0
    for chunks in (1...mostChunks).reversed() {
      let next = max(least, roundUp((panels + chunks * threads - 1) / (chunks * threads), to: 2))
      if next == size { continue }
      size = next
      let end = ((panels + size - 1) / size + threads - 1) / threads * size
      if end < bestEnd { (best, bestEnd) = (size, end) }
    }
    return best
  }

  /// - body: computes panels `panels` of rows `rows`; `next` is the panel at which the same thread probably goes on, one
  ///   beyond the last if nowhere.
  func run(on pool: WorkerPool, _ body: (_ rows: Range<Int>, _ panels: Range<Int>, _ next: Int) -> Void) {
    guard rows > 0, panels > 0 else { return }
    let across = (panels + panelBlock - 1) / panelBlock, down = (rows + rowBlock - 1) / rowBlock
    pool.parallel(across * down) { chunk in
      let r = chunk / across * rowBlock, p = chunk % across * panelBlock
      let next = chunk + 1  // shares of chunks lie together
      body(
        r..<min(rows, r + rowBlock), p..<min(panels, p + panelBlock),
        next < across * down ? next % across * panelBlock : panels)
    }
  }

  /// Where a thread of the pool probably begins; one beyond the last panel if nowhere.
  func firstPanel(ofThread thread: Int, in pool: WorkerPool) -> Int {
    let across = (panels + panelBlock - 1) / panelBlock, down = (rows + rowBlock - 1) / rowBlock
    let chunk = pool.firstChunk(ofThread: thread, of: across * down)
    return chunk < across * down ? chunk % across * panelBlock : panels
  }
}
