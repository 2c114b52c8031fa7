import Glibc

/// Captured calls on their way to the writing thread: bounded in bytes, never waiting for room.
final class CaptureQueue: @unchecked Sendable {
  // @unchecked: everything below is used under `mutex`.
  /// What the writing thread does next.
  struct Work {
    let calls: [CapturedCall]
    let byteCount: Int
    /// The last flush that was asked for; answered when the work is done.
    let flush: Int
    let mustWriteFrequencies: Bool
    let isLast: Bool
  }

  private let limit: Int
  private var calls: [CapturedCall] = []
  /// Of the calls above, and of those that were handed over and are not written yet.
  private var usedBytes = 0
  /// Of the calls above.
  private var waitingBytes = 0
  private var flushesAsked = 0, flushesDone = 0
  private var isClosed = false
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wakeWriter = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let wakeWaiters = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(limit: Int) {
    self.limit = limit
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(wakeWriter, &attributes)
    pthread_cond_init(wakeWaiters, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(wakeWriter)
    pthread_cond_destroy(wakeWaiters)
    pthread_mutex_destroy(mutex)
    wakeWriter.deallocate()
    wakeWaiters.deallocate()
    mutex.deallocate()
  }

  private func locked<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Sets room aside for a call that is about to be copied.
  /// - Returns: whether there is room; nothing is set aside if not.
  func reserve(_ bytes: Int) -> Bool {
    locked {
      guard !isClosed, bytes <= limit - usedBytes else { return false }
      usedBytes += bytes
      return true
    }
  }

  /// Puts a call into the room that was set aside for it.
  func put(_ call: CapturedCall, reserved bytes: Int) {
    locked {
      guard !isClosed else {
        usedBytes -= bytes
        return
      }
      calls.append(call)
      waitingBytes += bytes
      pthread_cond_signal(wakeWriter)
    }
  }

  /// Waits for something to do, at most until a time on the monotonic clock.
  func next(until deadline: timespec) -> Work {
    var deadline = deadline
    return locked {
      var isLate = false
      while calls.isEmpty, flushesAsked == flushesDone, !isClosed, !isLate {
        isLate = pthread_cond_timedwait(wakeWriter, mutex, &deadline) == ETIMEDOUT
      }
      let work = Work(
        calls: calls, byteCount: waitingBytes, flush: flushesAsked,
        mustWriteFrequencies: isClosed || isLate || flushesAsked != flushesDone, isLast: isClosed)
      (calls, waitingBytes) = ([], 0)
      return work
    }
  }

  func finish(_ work: Work) {
    locked {
      usedBytes -= work.byteCount
      flushesDone = max(flushesDone, work.isLast ? .max : work.flush)
      pthread_cond_broadcast(wakeWaiters)
    }
  }

  /// Waits until everything that was put before is written, or given up.
  func flush() {
    locked {
      guard !isClosed else { return }
      flushesAsked += 1
      let mine = flushesAsked
      pthread_cond_signal(wakeWriter)
      while flushesDone < mine { pthread_cond_wait(wakeWaiters, mutex) }
    }
  }

  /// Ends the writing thread once it has written what is there.
  /// - Returns: whether this was the first call.
  func close() -> Bool {
    locked {
      if isClosed { return false }
      isClosed = true
      pthread_cond_signal(wakeWriter)
      return true
    }
  }
}

extension timespec {
  /// A time on the monotonic clock.
  static func fromNow(seconds: Int) -> timespec {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    now.tv_sec += max(1, min(seconds, 1 << 30))
    return now
  }

  /// Whether it has passed.
  var isPast: Bool {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return (now.tv_sec, now.tv_nsec) >= (tv_sec, tv_nsec)
  }
}
