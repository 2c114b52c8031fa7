import KernelRuntime
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  @Test("every chunk runs exactly once and before parallel returns", arguments: 1...4)
  func everyChunkOnce(threads: Int) {
    let pool = WorkerPool(threads: threads)
    let counters = Counters(64)
    for round in 0..<3_000 {
      let chunks = round % 65
      pool.parallel(chunks) { counters.add($0) }
      for chunk in 0..<64 {
        let found = counters.take(chunk)
        #expect(found == (chunk < chunks ? 1 : 0), "chunk \(chunk) of \(chunks), round \(round), \(threads) threads")
      }
    }
  }

  @Test("writes of all chunks are seen by the caller", arguments: 2...4)
  func writesAreSeen(threads: Int) {
    let pool = WorkerPool(threads: threads)
    var sums = [Int](repeating: 0, count: 16)
    for _ in 0..<2_000 {
      sums.withUnsafeMutableBufferPointer { buffer in
        nonisolated(unsafe) let buffer = buffer
        pool.parallel(16) { buffer[$0] += $0 }
      }
    }
    #expect(sums == (0..<16).map { $0 * 2_000 })
  }

  @Test("helpers that went to sleep between rounds take part again")
  func sleepersWake() async throws {
    let pool = WorkerPool(threads: 3), counters = Counters(8)
    for _ in 0..<5 {
      try await Task.sleep(for: .milliseconds(20))
      pool.parallel(8) { counters.add($0) }
    }
    #expect((0..<8).map { counters.take($0) } == [Int](repeating: 5, count: 8))
  }

  @Test("a pool is made and given up many times, used or not")
  func deinitJoins() {
    for round in 0..<200 {
      let pool = WorkerPool(threads: 1 + round % 4), counters = Counters(3)
      if round % 3 != 0 { pool.parallel(3) { counters.add($0) } }
      #expect(counters.take(2) == (round % 3 != 0 ? 1 : 0))
    }
  }

  @Test("a pool of no or a negative number of threads is the caller alone", arguments: [-3, 0, 1])
  func atLeastTheCaller(threads: Int) {
    let pool = WorkerPool(threads: threads), counters = Counters(5)
    #expect(pool.threadCount == 1)
    pool.parallel(5) { counters.add($0) }
    #expect((0..<5).allSatisfy { counters.take($0) == 1 })
  }
}

/// Atomic counters that many threads may raise.
private final class Counters: @unchecked Sendable {
  // @unchecked: the pointer never changes, what it points to is atomic.
  private let values: UnsafeMutablePointer<Atomic<Int>>
  private let count: Int

  init(_ count: Int) {
    self.count = count
    values = .allocate(capacity: count)
    for i in 0..<count { (values + i).initialize(to: Atomic(0)) }
  }
  deinit {
    values.deinitialize(count: count)
    values.deallocate()
  }

  func add(_ i: Int) { values[i].add(1, ordering: .relaxed) }
  /// Reads and resets one.
  func take(_ i: Int) -> Int { values[i].exchange(0, ordering: .relaxed) }
}
