import Synchronization

/// A result that one thread delivers once and one task waits for.
final class Promise: Sendable {
  private enum State {
    case empty
    case awaited(CheckedContinuation<Void, any Error>)
    case fulfilled(Result<Void, any Error>)
  }
  private let state = Mutex(State.empty)

  /// Delivers the result; call it once.
  func fulfil(_ result: Result<Void, any Error>) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      defer { state = .fulfilled(result) }
      if case .awaited(let waiter) = state { return waiter }
      return nil
    }
    waiter?.resume(with: result)
  }

  /// Waits for the result; call it once.
  func value() async throws {
    try await withCheckedThrowingContinuation { continuation in
      let result = state.withLock { state -> Result<Void, any Error>? in
        if case .fulfilled(let result) = state { return result }
        state = .awaited(continuation)
        return nil
      }
      if let result { continuation.resume(with: result) }
    }
  }
}
