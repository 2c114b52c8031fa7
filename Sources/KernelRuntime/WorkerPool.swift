import CPUIntrinsics
import Glibc
import Synchronization

/// A fork/join pool in which threads claim chunks of work: the caller works too, and never waits for a helper that has
/// not claimed anything, so a helper that is not scheduled costs at most one chunk, not a time slice.
///
///     pool.parallel(16) { chunk in … }       // returns when all 16 are done
///
/// `ticket` holds generation << 32 | next chunk. A chunk is claimed by compare-exchange, so that a late helper can never
/// take from a newer generation. Helpers spin for a few microseconds after work (a decode step is hundreds of short
/// calls; waking a sleeper costs 20 µs), then sleep on a condition variable.
public final class WorkerPool: @unchecked Sendable {
  // @unchecked: `body` and `context` are written by the one caller before `ticket` is published (release / acquire).
  public let threadCount: Int
  private let ticket = Atomic<UInt64>(0)
  private let limit = Atomic<UInt64>(0)  // generation << 32 | number of chunks
  private let finished = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private nonisolated(unsafe) var body: (@convention(c) (UnsafeMutableRawPointer, Int) -> Void)?
  private nonisolated(unsafe) var context: UnsafeMutableRawPointer?
  private nonisolated(unsafe) var threads: [pthread_t] = []
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// About 20 µs of spinning before a helper sleeps.
  private static let spins = 4_000

  /// Processors that this process may run on.
  public static var usableProcessors: Int { Int(cpu_usable_count()) }

  /// - Parameter threads: all threads, the caller included; at least 1.
  public init(threads count: Int) {
    threadCount = max(1, count)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
    for _ in 1..<threadCount {
      var thread = pthread_t()
      let failed = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<WorkerPool>.fromOpaque(argument!).takeUnretainedValue().work()
          return nil
        }, Unmanaged.passUnretained(self).toOpaque())
      // Without a helper the caller does all chunks itself.
      if failed == 0 { threads.append(thread) }
    }
  }

  deinit {
    stopping.store(true, ordering: .sequentiallyConsistent)
    publish(chunks: 0)
    for thread in threads { pthread_join(thread, nil) }
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
  }

  /// Runs `body(0) … body(chunks - 1)`, each once, on any thread, in any order, and returns when all are done.
  /// Not reentrant: `body` must not call `parallel` of the same pool.
  @inline(__always)
  public func parallel(_ chunks: Int, _ body: (Int) -> Void) {
    if chunks <= 1 || threads.isEmpty {
      for chunk in 0..<chunks { body(chunk) }
      return
    }
    withoutActuallyEscaping(body) { escapable in
      var escapable = escapable
      withUnsafeMutablePointer(to: &escapable) { pointer in
        run(chunks: chunks, UnsafeMutableRawPointer(pointer)) { context, chunk in
          context.assumingMemoryBound(to: ((Int) -> Void).self).pointee(chunk)
        }
      }
    }
  }

  @usableFromInline
  func run(
    chunks: Int, _ context: UnsafeMutableRawPointer, _ body: @convention(c) (UnsafeMutableRawPointer, Int) -> Void
  ) {
    (self.body, self.context) = (body, context)
    finished.store(0, ordering: .relaxed)
    let generation = publish(chunks: chunks)
    drain(generation)
    while finished.load(ordering: .acquiring) != chunks { cpu_pause() }
  }

  @discardableResult
  private func publish(chunks: Int) -> UInt64 {
    let generation = (ticket.load(ordering: .relaxed) >> 32) &+ 1
    limit.store(generation << 32 | UInt64(chunks), ordering: .releasing)
    ticket.store(generation << 32, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(mutex)
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }
    return generation
  }

  /// Claims and runs chunks of `generation` until none is left.
  private func drain(_ generation: UInt64) {
    while true {
      var current = ticket.load(ordering: .acquiring)
      while true {
        if current >> 32 != generation { return }
        let end = limit.load(ordering: .acquiring)
        if end >> 32 != generation || current & 0xFFFF_FFFF >= end & 0xFFFF_FFFF { return }
        let (claimed, seen) = ticket.weakCompareExchange(
          expected: current, desired: current &+ 1, ordering: .acquiringAndReleasing)
        if claimed { break }
        current = seen
      }
      body!(context!, Int(current & 0xFFFF_FFFF))
      finished.add(1, ordering: .releasing)
    }
  }

  private func work() {
    var seen: UInt64 = 0
    while true {
      var spun = 0
      while true {
        let generation = ticket.load(ordering: .acquiring) >> 32
        if generation != seen {
          seen = generation
          break
        }
        cpu_pause()
        spun &+= 1
        if spun > Self.spins {
          sleep(while: seen)
          spun = 0
        }
      }
      if stopping.load(ordering: .relaxed) { return }
      drain(seen)
    }
  }

  private func sleep(while generation: UInt64) {
    pthread_mutex_lock(mutex)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while ticket.load(ordering: .sequentiallyConsistent) >> 32 == generation { pthread_cond_wait(condition, mutex) }
    sleepers.subtract(1, ordering: .relaxed)
    pthread_mutex_unlock(mutex)
  }
}
