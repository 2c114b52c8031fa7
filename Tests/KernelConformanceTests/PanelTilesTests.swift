import KernelRuntime
import Synchronization
import Testing

@testable import Kernels

/// How products are cut for a pool's threads.
@Suite struct PanelTilesTests {
  /// Shapes of SmolLM2 135M: keys, queries, feed-forward and back; few rows come from memory as one does.
  @Test(arguments: [1, 2, 8, 96], [(12, 576), (36, 576), (96, 576), (36, 1536)])
  func threadsHaveEqualShares(rows: Int, shape: (panels: Int, inputs: Int)) {
    for threads in [1, 2, 3] {
      let pool = WorkerPool(threads: threads)
      let tiles = PanelTiles(rows: rows, panels: shape.panels, inputs: shape.inputs, threads: threads)
      let seen = Mutex<[Range<Int>]>([])
      tiles.run(on: pool) { _, panels, _ in seen.withLock { $0.append(panels) } }
      let chunks = seen.withLock { $0.sorted { $0.lowerBound < $1.lowerBound } }
      #expect(chunks.flatMap { $0 } == Array(0..<shape.panels), "each panel once")
      #expect(chunks.allSatisfy { $0.lowerBound % 2 == 0 }, "panels lie in pairs")
      let shares = (0..<threads).map { thread in
        let first = pool.firstChunk(ofThread: thread, of: chunks.count)
        return chunks[first..<pool.firstChunk(ofThread: thread + 1, of: chunks.count)].reduce(0) { $0 + $1.count }
      }
      let even = (shape.panels + threads - 1) / threads
      #expect((shares.max() ?? 0) <= even + 2, "\(rows) rows on \(threads) threads: \(shares)")
    }
  }
}
