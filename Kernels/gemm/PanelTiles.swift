import KernelRuntime

/// How a gemm over panels is cut for a pool: blocks of rows by ranges of panels. The cut changes who computes an output,
/// never how.
struct PanelTiles {
  let rows: Int, panels: Int
  private let rowBlock: Int, panelBlock: Int

  /// A row block's activations should stay in the second-level cache while the panels stream past.
  private static let rowsPerBlock = 96
  /// Below this many multiply-adds (about 2 µs) a chunk is not worth handing over.
  private static let smallestChunk = 1 << 18

  init(rows: Int, panels: Int, inputs K: Int, threads: Int) {
    (self.rows, self.panels) = (rows, panels)
    rowBlock = min(rows, Self.rowsPerBlock)
    let work = max(1, min(rowBlock, rows)) * 16 * K
    let enough = max(4, (Self.smallestChunk / max(work, 1) + 3) & ~3)
    // At most eight chunks a thread; a multiple of four panels, which one row takes at once.
    panelBlock = threads == 1 ? panels : max(enough, ((panels + 8 * threads - 1) / (8 * threads) + 3) & ~3)
  }

  func run(on pool: WorkerPool, _ body: (_ rows: Range<Int>, _ panels: Range<Int>) -> Void) {
    guard rows > 0, panels > 0 else { return }
    let across = (panels + panelBlock - 1) / panelBlock, down = (rows + rowBlock - 1) / rowBlock
    pool.parallel(across * down) { chunk in
      let r = chunk / across * rowBlock, p = chunk % across * panelBlock
      body(r..<min(rows, r + rowBlock), p..<min(panels, p + panelBlock))
    }
  }
}
