import Models
import Paging
import Scheduling
import Tokenization

/// How to choose the next token from one row of logits. Bias and penalties have been applied to the row before.
///
/// Order: temperature, top-k, top-p, min-p, draw; each as `SamplingParameters` describes it.
public struct Draw: Sendable, Hashable {
  /// 0 takes the most likely token (the lowest id of equals) and ignores the other fields.
  public var temperature: Float
  /// 0 keeps all.
  public var topK: Int
  public var topP: Float
  public var minP: Float
  /// In [0, 1): the only randomness. Where the kept tokens' cumulated probability first exceeds it, the token is.
  public var uniform: Float

  public init(temperature: Float, topK: Int = 0, topP: Float = 1, minP: Float = 0, uniform: Float) {
    (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
    (self.minP, self.uniform) = (minP, uniform)
  }
}

/// For how many rows of its chunks of prompts a step has room in the next half of a layer.
public typealias RoomCheck = (PassProgress) -> Int

/// What the engine needs of a model: weights, KV memory and kernels behind three calls.
///
/// A runner is made on the engine's thread and never leaves it, so it need not be `Sendable`.
public protocol ModelRunning {
  /// Logits in a row; token ids are below it.
  var vocabularySize: Int { get }

  /// Called before each step is scheduled.
  /// - Returns: whether the model computes other keys and values from now on than it did before, because a kernel was
  ///   switched: what is in pages must not be shared with new requests then.
  mutating func betweenSteps() -> Bool

  /// Makes the batch's copies between KV memory and the second level, in order; called before `forward`, when there are
  /// any. A copy that fails leaves any bytes behind, and later copies are made all the same.
  /// - Returns: for each copy whether it failed.
  mutating func copy(_ copies: [PageCopy]) -> [Bool]

  /// What it takes to copy a page, in seconds, as measured lately; 0 when nothing is known.
  var secondsPerPageCopy: Double { get }

  /// The file that keeps the prefix cache while the engine does not run; nil for none.
  var savedCache: SavedCache? { get }

  /// Whether `forward` asks how much of chunks of prompts there is room for.
  var canShed: Bool { get }

  /// Runs the batch: computes keys and values of all its tokens into their pages, and the logits that are wanted.
  ///
  /// Slots of a page hold what the last batch that wrote them put there; a page that was given to another sequence is
  /// overwritten from its beginning before it is read. Sequences with the same tokens share full pages: a sequence may
  /// start behind pages that another filled, and nobody writes them any more.
  /// - room: of a batch with a limit: asked as `PassProgress` says how far the sequences go that the limit does not keep.
  ///   If they do not come to their end, the batch is computed as if they were not in it: their new slots hold anything. A
  ///   batch that `resumes` has them again.
  /// - Throws: when the step cannot be run; every request of the batch fails with the error's description, and the
  ///   runner must be able to run other batches afterwards.
  mutating func forward(_ batch: Batch, room: RoomCheck?) throws

  /// The logits of one row, [vocabulary] float32: the rows of the last batch's sequences one after the other, for each
  /// those of its last `rowCount` tokens. Valid and writable until the next `forward`; the engine applies bias and penalties in place.
  func logits(_ row: Int) -> UnsafeMutableBufferPointer<Float>

  /// Chooses one token for each row of the last batch; `draws[i]` describes row i.
  ///
  /// Every row is finite. The logits must be unchanged afterwards: log-probabilities are read from them.
  mutating func sample(_ draws: [Draw]) throws -> [TokenID]
}

extension ModelRunning {
  public var canShed: Bool { false }
  public mutating func betweenSteps() -> Bool { false }
  /// Without a second level there is nothing to copy, and no copy can be made.
  public mutating func copy(_ copies: [PageCopy]) -> [Bool] { copies.map { _ in true } }
  public var secondsPerPageCopy: Double { 0 }
  public var savedCache: SavedCache? { nil }
}

/// Turns the tokens of one output into text, piece by piece. `IncrementalDetokenizer` is the real one.
public protocol TokenTextDecoder {
  /// The text that this token completes: whole characters only, possibly none.
  mutating func append(_ token: TokenID) -> String
  /// What is left when no token follows.
  mutating func finish() -> String
}
