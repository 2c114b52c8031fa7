import Synchronization

/// Whether the server takes new requests, and how many are running. Shared by all connections.
final class ServerState: Sendable {
  private let state = Mutex<(isDraining: Bool, running: Int)>((false, 0))

  var isDraining: Bool { state.withLock { $0.isDraining } }
  var running: Int { state.withLock { $0.running } }

  /// From now on new generations are refused and the server reports itself not ready.
  func drain() { state.withLock { $0.isDraining = true } }

  /// Counts a request until the returned ticket is gone.
  /// - Throws: `APIError` (503) while draining.
  func admit() throws(APIError) -> Ticket {
    let admitted = state.withLock { state in
      if !state.isDraining { state.running += 1 }
      return !state.isDraining
    }
    if !admitted { throw .drained }
    return Ticket(self)
  }

  /// One running request.
  final class Ticket: Sendable {
    private let owner: ServerState
    fileprivate init(_ owner: ServerState) { self.owner = owner }
    deinit { owner.state.withLock { $0.running -= 1 } }
  }
}
