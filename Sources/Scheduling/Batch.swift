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
  /// Whether next tokens are to be chosen: from the logits of the last token, and of as many before it as there are
  /// guesses.
  public let samples: Bool
  /// How many of the last tokens are guesses: each stands only if it is what is chosen from the row before it.
  public let drafts: Int

  public init(
    handle: Int, tokens: [TokenID], startPosition: Int, pages: [PageID], samples: Bool, drafts: Int = 0
  ) {
    (self.handle, self.tokens, self.startPosition) = (handle, tokens, startPosition)
    (self.pages, self.samples, self.drafts) = (pages, samples, drafts)
  }

  /// Whether it is more than one token and guesses.
  public var isChunk: Bool { tokens.count > drafts + 1 }

  /// Rows of logits that the sequence wants: those of its last tokens.
  public var rowCount: Int { samples ? drafts + 1 : 0 }

  /// One past the position of the last token: the length of the keys and values it attends to.
  public var endPosition: Int { startPosition + tokens.count }
}

/// The work of one step: decoding sequences first, then chunks of prompts. Holds no tensors.
public struct Batch: Sendable, Hashable {
  /// At least one sequence, each at most once.
  public let sequences: [BatchSequence]
  /// Tokens in a page.
  public let pageSize: Int
  /// What must be copied before the step, in this order.
  public let copies: [PageCopy]
  /// Steps that may be run by `Scheduler.scheduleNext` before the next decision, this one included.
  public let rounds: Int
  /// Set when the step may shed the chunks of prompts that it has beside decoding sequences.
  public let limit: StepLimit?
  /// Set when it has chunks that the last step has shed.
  public let resumes: Bool

  public init(
    sequences: [BatchSequence], pageSize: Int, copies: [PageCopy] = [], rounds: Int = 1, limit: StepLimit? = nil,
    resumes: Bool = false
  ) {
    (self.sequences, self.pageSize, self.copies, self.rounds) = (sequences, pageSize, copies, rounds)
    (self.limit, self.resumes) = (limit, resumes)
  }

  /// Whether chunks of prompts are computed beside decoding sequences.
  public var isMixed: Bool { sequences.contains(where: \.isChunk) && sequences.first?.isChunk == false }

  /// Tokens to process in this step, of all sequences.
  public var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokens.count } }
  /// Rows of the logits: those of each sequence that samples, in batch order.
  public var sampleCount: Int { sequences.reduce(0) { $0 + $1.rowCount } }
}

/// What became of one request in a step. Where guesses held, a request has several updates in one step, one for each token.
public struct Update: Sendable, Hashable {
  /// The request, as `Scheduler.submit` named it.
  public let handle: Int
  /// The token generated, if any. A stop token is reported too, together with `.stop`.
  public let token: TokenID?
  /// Set in the last update of a request, and in no other.
  public let finish: FinishReason?
  /// Token counts so far. Every generated token counts, a stop token included, as in OpenAI's API.
  public let usage: Usage
  /// The row of the batch's logits that the token was chosen from; nil when the request ended without a row.
  public var row: Int?

  /// The same, as the request's last: what followed it in the step never was.
  public func ended(_ reason: FinishReason) -> Update {
    Update(handle: handle, token: token, finish: reason, usage: usage, row: row)
  }
}
