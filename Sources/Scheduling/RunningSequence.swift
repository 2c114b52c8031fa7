import Paging
import Tokenization

/// A request on its way through the scheduler.
///
/// ```
///   tokens   │ prompt ───────────────────│ output ──────────│
///            0                     promptCount          tokens.count
///   table    │ keys and values in pages ─────│ to compute ─│
///            0                      table.tokenCount    tokens.count
/// ```
///
/// Invariant: between steps table.tokenCount < tokens.count, so there is always something to compute. One token to
/// compute is decoding, more is prefill; after a preemption the output is computed again like a prompt.
struct RunningSequence {
  let handle: Int
  let promptCount: Int
  /// The output ends when it has this many tokens: the request's limit, or what the context leaves.
  let outputLimit: Int
  let stopTokens: Set<TokenID>
  /// Prompt and output.
  var tokens: [TokenID]
  var table: BlockTable

  init(handle: Int, request: GenerationRequest, configuration: SchedulerConfiguration) {
    self.handle = handle
    promptCount = request.prompt.count
    outputLimit = min(request.maxTokens, configuration.contextLength - request.prompt.count)
    stopTokens = request.stop.ignoresStopTokens ? [] : request.stop.tokenIDs
    tokens = request.prompt
    table = BlockTable(pageSize: configuration.pageSize)
  }

  var outputCount: Int { tokens.count - promptCount }
  /// Tokens whose keys and values are not in the pages.
  var remaining: Int { tokens.count - table.tokenCount }
  var isDecoding: Bool { remaining == 1 && outputCount > 0 }
  var usage: Usage { Usage(promptTokens: promptCount, completionTokens: outputCount, cachedTokens: 0) }
}
