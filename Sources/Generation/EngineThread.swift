import Glibc
import KernelRuntime
import Synchronization

/// A plain thread with a stack of its own, outside Swift's cooperative pool, that an async caller can wait for.
final class EngineThread: Sendable {
  private struct State {
    var isEnded = false
    /// Set until the thread has been joined.
    var handle: pthread_t?
    var waiters: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  /// What the new thread is handed: the thread function of C takes one pointer.
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts the thread; it ends when `body` returns.
  /// - Throws: `EngineError.threadNotStarted`; `body` is not called then.
  init(stackSize: Int, body: @escaping @Sendable () -> Void) throws(EngineError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    var code = pthread_attr_setstacksize(&attributes, max(stackSize, 0))
    guard code == 0 else { throw .threadNotStarted(code: code) }
    let argument = Unmanaged.passRetained(
      Body { [self] in
        body()
        markEnded()
      })
    var handle = pthread_t()
    code = pthread_create(
      &handle, &attributes,
      { pointer in
        TimeSlice.compute()
        if let pointer { Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
      }, argument.toOpaque())
    guard code == 0 else {
      argument.release()
      throw .threadNotStarted(code: code)
    }
    let started = handle
    state.withLock { $0.handle = started }
  }

  deinit {
    // Nobody waited: let the system reclaim the thread when it ends.
    if let handle = state.withLock({ $0.handle }) { pthread_detach(handle) }
  }

  /// Whether `body` has returned.
  var isEnded: Bool { state.withLock { $0.isEnded } }

  /// Waits until the thread has ended, without blocking a thread of the cooperative pool.
  func join() async {
    await withCheckedContinuation { continuation in
      let isEnded = state.withLock { state in
        if !state.isEnded { state.waiters.append(continuation) }
        return state.isEnded
      }
      if isEnded { continuation.resume() }
    }
    // Only the few instructions after `markEnded` are left to wait for.
    let handle = state.withLock { state in
      defer { state.handle = nil }
      return state.handle
    }
    if let handle { pthread_join(handle, nil) }
  }

  private func markEnded() {
    let waiters = state.withLock { state in
      state.isEnded = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }
}
