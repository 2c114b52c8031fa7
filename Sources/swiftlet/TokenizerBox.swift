import Synchronization
import Tokenization

/// Hands the tokenizer to the engine's thread once it is built.
final class TokenizerBox: Sendable {
  private let slot = Mutex<Tokenizer?>(nil)

  func fill(_ tokenizer: Tokenizer) { slot.withLock { $0 = tokenizer } }

  /// - Precondition: `fill` was called, which happens before any request can be made.
  var tokenizer: Tokenizer {
    guard let tokenizer = slot.withLock({ $0 }) else { preconditionFailure("a request before the tokenizer") }
    return tokenizer
  }
}
