import Paging
import Tokenization

/// What one sequence contributes to a step: a run of its tokens whose keys and values are not yet in its pages.
public struct BatchSequence: Sendable, Hashable {
  /// The request, as `Scheduler.submit` named it.
  public let handle: Int
  /// The tokens to process, never empty: one when decoding, a chunk of the prompt otherwise.
  public let tokens: [TokenID]
  /// The position of the first of these tokens in the sequence; all before it are in the pages already.
  public let startPosition: Int
  /// The pages of positions 0..<endPosition, in order; exactly as many as those need.
  public let pages: [PageID]
  /// Whether a next token is to be chosen from the logits of the last of these tokens.
  public let samples: Bool

  public init(handle: Int, tokens: [TokenID], startPosition: Int, pages: [PageID], samples: Bool) {
    (self.handle, self.tokens, self.startPosition) = (handle, tokens, startPosition)
    (self.pages, self.samples) = (pages, samples)
  }

  /// One past the position of the last token: the length of the keys and values it attends to.
  public var endPosition: Int { startPosition + tokens.count }
}

/// The work of one step: decoding sequences first, then chunks of prompts. Holds no tensors.
public struct Batch: Sendable, Hashable {
  /// At least one sequence, each at most once.
  public let sequences: [BatchSequence]
  /// Tokens in a page.
  public let pageSize: Int

  public init(sequences: [BatchSequence], pageSize: Int) {
    (self.sequences, self.pageSize) = (sequences, pageSize)
  }

  /// Tokens to process in this step, of all sequences.
  public var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokens.count } }
  /// Sequences that want a next token: the rows of the logits, in batch order.
  public var sampleCount: Int { sequences.count { $0.samples } }
}

/// What became of one request in a step.
public struct Update: Sendable, Hashable {
  /// The request, as `Scheduler.submit` named it.
  public let handle: Int
  /// The token generated, if any. A stop token is reported too, together with `.stop`.
  public let token: TokenID?
  /// Set in the last update of a request, and in no other.
  public let finish: FinishReason?
  /// Token counts so far. Every generated token counts, a stop token included, as in OpenAI's API.
  public let usage: Usage
}
