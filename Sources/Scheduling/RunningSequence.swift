import Paging
import Tokenization

/// A request on its way through the scheduler.
///
/// ```
///   tokens   │ prompt ───────────────────│ output ──────────│
///            0                     promptCount          tokens.count
///   table    │ keys and values in pages ─────│ to compute ─│
///            0        │             table.tokenCount    tokens.count
///   lease    │ shared ─│ as soon as a page is full: another page
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
  /// What of the table's pages others may share; nil when the sequence has no pages or none are shared.
  var lease: PrefixLease?
  /// What the second level keeps of a sequence that was preempted.
  var swapped: SwappedPages?
  /// Whether the second level may have more of its pages than were loaded yet.
  var isLoading = false
  let salt: String
  let priority: Int
  /// Tokens of the prompt that were in the cache when the sequence first got pages.
  var cachedTokens = 0
  /// Whether it has had pages: if it waits, it was preempted.
  var wasAdmitted = false
  /// How many newer sequences got pages while it waited.
  var overtakes = 0

  /// - epoch: prefixes are shared among requests of one epoch only.
  init(handle: Int, request: GenerationRequest, configuration: SchedulerConfiguration, epoch: Int) {
    self.handle = handle
    promptCount = request.prompt.count
    outputLimit = min(request.maxTokens, configuration.contextLength - request.prompt.count)
    stopTokens = request.stop.ignoresStopTokens ? [] : request.stop.tokenIDs
    tokens = request.prompt
    table = BlockTable(pageSize: configuration.pageSize)
    (salt, priority) = (Self.epochSalt(request.cacheSalt, epoch: epoch), request.priority)
  }

  /// The salt of a request's prefixes in the cache: the epoch, and a character for each byte of the request's salt. Strings
  /// that look alike are equal, "é" in one scalar or in two; salts of different bytes must not be.
  static func epochSalt(_ salt: String, epoch: Int) -> String {
    var text = "\(epoch):"
    for byte in salt.utf8 { text.unicodeScalars.append(UnicodeScalar(byte)) }
    return text
  }

  /// The request's salt of what `epochSalt` made; nil when it is of another epoch.
  static func requestSalt(_ salt: String, epoch: Int) -> String? {
    let mark = "\(epoch):".unicodeScalars
    guard salt.unicodeScalars.starts(with: mark) else { return nil }
    return String(
      decoding: salt.unicodeScalars.dropFirst(mark.count).map { UInt8(truncatingIfNeeded: $0.value) }, as: UTF8.self)
  }

  var outputCount: Int { tokens.count - promptCount }
  /// Tokens whose keys and values are not in the pages.
  var remaining: Int { tokens.count - table.tokenCount }
  /// Pages that are filled and not shared: right after admission those that were loaded.
  var ownPages: Int {
    let own = table.tokenCount - (lease?.tokenCount ?? 0)
    return own / table.pageSize + (own % table.pageSize == 0 ? 0 : 1)
  }
  var isDecoding: Bool { remaining == 1 && outputCount > 0 }
  /// Whether nobody may be admitted before it any more.
  func isUrgent(_ configuration: SchedulerConfiguration) -> Bool {
    wasAdmitted || overtakes >= configuration.maxOvertakes
  }
  /// How many tokens to guess: twice as many as last time when all of those held, fewer when they did not.
  private var recentDrafts = 2
  func draftLimit(_ most: Int) -> Int { min(most, recentDrafts) }

  /// Learns from `count` guesses of which the first `held` held.
  mutating func noteDrafts(_ count: Int, held: Int) {
    recentDrafts = held == count ? max(recentDrafts, 2 * count) : max(1, (recentDrafts + held) / 2)
  }

  var usage: Usage {
    Usage(promptTokens: promptCount, completionTokens: outputCount, cachedTokens: cachedTokens)
  }
}
