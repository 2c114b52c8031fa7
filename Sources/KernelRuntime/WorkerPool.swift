import CPUIntrinsics
import Glibc
import Synchronization

/// A fork/join pool: the caller works too, and never waits for a helper that has not claimed anything, so a helper that
/// is not scheduled costs at most one chunk, not a time slice.
///
///     pool.parallel(16) { chunk in … }       // returns when all 16 are done
///
/// Each thread has a share of the chunks, next to each other, and takes chunks of other shares when its own are done:
///
///     call     generation << 20 | chunks, body, context      written by the caller, read by helpers
///     shares   generation << 20 | next chunk                 one for each thread; a chunk is claimed by compare-exchange
///     done     chunks finished since the beginning           one for each helper, written by it alone
///
/// Each of these has cache lines of its own: a line that two processors write moves between them, for up to half a
/// microsecond, as long as a small chunk takes. A call of two threads that need not help each other moves two.
///
/// A share of an older generation is untouched. A helper that is late with an older generation finds every share of it
/// used up or newer, since a call returns only when all its chunks are done; so it cannot claim anything.
///
/// Helpers spin for a few microseconds after work (a decode step is hundreds of short calls; waking a sleeper costs 20
/// µs), then sleep on a condition variable. One that falls asleep while a call is published may miss that call.
public final class WorkerPool: @unchecked Sendable {
  // @unchecked: `work` is written by the one caller before `call` is published (release / acquire).
  public let threadCount: Int
  /// Words 128 bytes apart: the call, each thread's share, each helper's done.
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  /// In the line of the call.
  private let work: UnsafeMutablePointer<Work>
  private let sleepers = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private nonisolated(unsafe) var threads: [pthread_t] = []
  /// What all helpers had finished when the current call began; the caller's.
  private nonisolated(unsafe) var finishedBefore: UInt64 = 0
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  private struct Work {
    var body: Body
    var context: UnsafeMutableRawPointer
  }

  /// About 20 µs of spinning before a helper sleeps.
  private static let spins = 4_000
  /// Words from one line to the next but one: lines are fetched in pairs.
  private static let apart = 16

  /// Processors that this process may run on.
  public static var usableProcessors: Int { Int(cpu_usable_count()) }

  /// - Parameter threads: all threads, the caller included; at least 1.
  public init(threads count: Int) {
    threadCount = max(1, count)
    let wordCount = 2 * threadCount * Self.apart
    let memory = UnsafeMutableRawPointer.allocate(byteCount: wordCount * 8, alignment: 128)
    memory.initializeMemory(as: UInt64.self, repeating: 0, count: wordCount)
    words = memory.assumingMemoryBound(to: Atomic<UInt64>.self)
    work = (memory + 16).assumingMemoryBound(to: Work.self)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
    for number in 1..<threadCount {
      let start = Unmanaged.passRetained(Start(pool: .passUnretained(self), number: number))
      var thread = pthread_t()
      let failed = pthread_create(
        &thread, nil,
        { argument in
          let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
          start.pool.takeUnretainedValue().help(start.number)
          return nil
        }, start.toOpaque())
      // Without a helper the others do its chunks.
      if failed == 0 { threads.append(thread) } else { start.release() }
    }
  }

  /// What a helper is told.
  private final class Start {
    let pool: Unmanaged<WorkerPool>, number: Int
    init(pool: Unmanaged<WorkerPool>, number: Int) { (self.pool, self.number) = (pool, number) }
  }

  deinit {
    stopping.store(true, ordering: .sequentiallyConsistent)
    words[0].store(nextCall(of: 0), ordering: .sequentiallyConsistent)
    wakeSleepers()
    for thread in threads { pthread_join(thread, nil) }
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
    UnsafeMutableRawPointer(words).deallocate()
  }

  /// Where a thread's share of a call's chunks begins; it ends where the next thread's begins.
  @inline(__always)
  public func firstChunk(ofThread thread: Int, of chunks: Int) -> Int { thread * chunks / threadCount }

  /// Runs `body(0) … body(chunks - 1)`, each once, on any thread, in any order, and returns when all are done. Mostly a
  /// thread runs the chunks of its share (`firstChunk`), in ascending order.
  /// Not reentrant: `body` must not call `parallel` of the same pool.
  @inline(__always)
  public func parallel(_ chunks: Int, _ body: (Int) -> Void) {
    if chunks <= 1 || threads.isEmpty {
      for chunk in 0..<chunks { body(chunk) }
      return
    }
    let limit = 1 << Int(ChunkShare.countBits) - 1
    if chunks > limit {  // piece by piece
      let pieces = (chunks + limit - 1) / limit
      parallel(limit) { first in
        for piece in 0..<pieces where piece * limit + first < chunks { body(piece * limit + first) }
      }
      return
    }
    withoutActuallyEscaping(body) { escapable in
      var escapable = escapable
      withUnsafeMutablePointer(to: &escapable) { pointer in
        run(chunks: chunks, UnsafeMutableRawPointer(pointer)) { context, share, first in
          // Copied once for all chunks: the count of references to it is in a line that threads take from each other.
          let body = context.assumingMemoryBound(to: ((Int) -> Void).self).pointee
          let share = share.assumingMemoryBound(to: ChunkShare.self).pointee
          body(first)
          var count = 1
          while let chunk = share.claim() {
            body(chunk)
            count += 1
          }
          return count
        }
      }
    }
  }

  /// Runs chunk `first`, which has been claimed, and those of the `ChunkShare` at `share` that nobody has claimed; returns
  /// how many.
  @usableFromInline
  typealias Body = @convention(c) (_ context: UnsafeMutableRawPointer, _ share: UnsafeRawPointer, _ first: Int) -> Int

  @usableFromInline
  func run(chunks: Int, _ context: UnsafeMutableRawPointer, _ body: Body) {
    work.pointee = Work(body: body, context: context)
    let call = nextCall(of: chunks), share = share(of: 0, in: call)
    // Claimed before others know of the call: after publishing, an atomic operation would wait for the line to move.
    let first = share.claim()
    words[0].store(call, ordering: .releasing)
    if sleepers.load(ordering: .relaxed) > 0 { wakeSleepers() }
    var own = first.map { perform(share, from: $0) } ?? 0
    let expected = finishedBefore &+ UInt64(chunks)
    if finished() &+ UInt64(own) != expected {
      for thread in 1..<threadCount { own += drain(call, of: thread) }
      while finished() &+ UInt64(own) != expected { cpu_pause() }
    }
    finishedBefore = expected &- UInt64(own)
  }

  private func nextCall(of chunks: Int) -> UInt64 {
    (words[0].load(ordering: .relaxed) >> ChunkShare.countBits &+ 1) << ChunkShare.countBits | UInt64(chunks)
  }

  /// What all helpers have finished.
  private func finished() -> UInt64 {
    var sum: UInt64 = 0
    for helper in 1..<threadCount { sum &+= words[(threadCount &+ helper) &* Self.apart].load(ordering: .acquiring) }
    return sum
  }

  @inline(__always)
  private func share(of thread: Int, in call: UInt64) -> ChunkShare {
    let chunks = Int(call & ChunkShare.countMask)
    return ChunkShare(
      word: words + (1 &+ thread) &* Self.apart, generation: call >> ChunkShare.countBits,
      first: UInt64(firstChunk(ofThread: thread, of: chunks)),
      end: UInt64(firstChunk(ofThread: thread + 1, of: chunks)))
  }

  /// Claims and runs chunks of a thread's share until none is left.
  /// - Returns: how many.
  private func drain(_ call: UInt64, of thread: Int) -> Int {
    let share = share(of: thread, in: call)
    return share.claim().map { perform(share, from: $0) } ?? 0
  }

  /// - first: has been claimed, so that the work cannot change before it is done.
  @inline(__always)
  private func perform(_ share: ChunkShare, from first: Int) -> Int {
    let work = work.pointee
    return withUnsafePointer(to: share) { work.body(work.context, $0, first) }
  }

  // MARK: helpers

  private func help(_ number: Int) {
    TimeSlice.compute()
    var seen: UInt64 = 0, total: UInt64 = 0
    while true {
      let call = nextCall(after: seen)
      seen = call >> ChunkShare.countBits
      if stopping.load(ordering: .relaxed) { return }
      for distance in 0..<threadCount {
        let count = drain(call, of: (number + distance) % threadCount)
        if count == 0 { continue }
        total &+= UInt64(count)
        words[(threadCount &+ number) &* Self.apart].store(total, ordering: .releasing)
      }
    }
  }

  /// Waits for a call of another generation.
  private func nextCall(after generation: UInt64) -> UInt64 {
    while true {
      for _ in 0..<Self.spins {
        let call = words[0].load(ordering: .acquiring)
        if call >> ChunkShare.countBits != generation { return call }
        cpu_pause()
      }
      sleep(while: generation)
    }
  }

  private func sleep(while generation: UInt64) {
    pthread_mutex_lock(mutex)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while words[0].load(ordering: .sequentiallyConsistent) >> ChunkShare.countBits == generation {
      pthread_cond_wait(condition, mutex)
    }
    sleepers.subtract(1, ordering: .relaxed)
    pthread_mutex_unlock(mutex)
  }

  private func wakeSleepers() {
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }
}
