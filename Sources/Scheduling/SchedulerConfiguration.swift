import Paging

/// Sizes and limits of a `Scheduler`. A value of this type is always usable: the initializer refuses the others.
public struct SchedulerConfiguration: Sendable, Hashable {
  /// Tokens in a page; a power of two.
  public let pageSize: Int
  /// Pages of KV memory.
  public let pageCount: Int
  /// The longest prompt plus output of one request, in tokens: what was asked for, but never more than all pages hold,
  /// so that any sequence can run to its end when it is alone.
  public let contextLength: Int
  /// Token ids are in 0..<vocabularySize.
  public let vocabularySize: Int
  /// The largest number of tokens in one step, decode and prefill together.
  public let maxBatchTokens: Int
  /// The largest number of sequences that hold pages at the same time: what was asked for, but never more than
  /// `maxBatchTokens`, so that a step has a token for each.
  public let maxRunning: Int
  /// The largest number of requests that are admitted beyond `maxRunning`.
  public let maxWaiting: Int
  /// Whether requests with the same beginning share its pages, at the same time and later.
  public let prefixCaching: Bool
  /// Which cached pages are given up first.
  public let evictionPolicy: EvictionPolicy
  /// Which waiting request is admitted first.
  public let queuePolicy: QueuePolicy
  /// How many newer requests may be admitted before a waiting one; 0 is strictly first come, first served.
  public let maxOvertakes: Int
  /// Seconds between two tokens of a request that prompts of others shall not exceed; nil lets chunks be as large as the
  /// budget.
  public let interTokenTarget: Double?
  /// Steps of pure decoding that may follow one decision, at least 1.
  public let decodeRounds: Int
  /// Tokens that are guessed ahead for a decoding sequence at most; 0 guesses none.
  public let draftTokens: Int
  /// Pages of the second level; 0 for none.
  public let secondLevelPages: Int
  /// How a sequence that loses its pages gets them back.
  public let preemption: PreemptionMethod

  /// Rows of logits in a step at most: one for each sequence, and for guesses what that leaves.
  public var maxSampledRows: Int { max(maxRunning, draftTokens + 1) }

  /// Checks the sizes.
  /// - Throws: `SchedulerConfigurationError` naming the first size that is out of range.
  public init(
    pageSize: Int = 16, pageCount: Int, contextLength: Int, vocabularySize: Int, maxBatchTokens: Int = 512,
    maxRunning: Int = 256, maxWaiting: Int = 1024, prefixCaching: Bool = true,
    evictionPolicy: EvictionPolicy = .leastRecentlyUsed, queuePolicy: QueuePolicy = .firstComeFirstServed,
    maxOvertakes: Int = 64, interTokenTarget: Double? = nil, decodeRounds: Int = 1, draftTokens: Int = 0,
    secondLevelPages: Int = 0, preemption: PreemptionMethod = .cheapest
  ) throws(SchedulerConfigurationError) {
    guard pageSize > 0, pageSize & (pageSize - 1) == 0 else {
      throw .init(name: "pageSize", value: pageSize, expected: "a power of two")
    }
    let largest = Int(Int32.max)
    func check(_ name: String, _ value: Int, from least: Int, to most: Int) throws(SchedulerConfigurationError) {
      guard value >= least, value <= most else {
        throw .init(name: name, value: value, expected: "from \(least) to \(most)")
      }
    }
    try check("pageCount", pageCount, from: 1, to: largest / pageSize)
    guard pageCount * pageSize >= 2 else {
      throw .init(name: "pageCount", value: pageCount, expected: "enough for a prompt token and a new one")
    }
    try check("contextLength", contextLength, from: 2, to: largest)
    try check("vocabularySize", vocabularySize, from: 1, to: largest)
    try check("maxBatchTokens", maxBatchTokens, from: 1, to: largest)
    try check("maxRunning", maxRunning, from: 1, to: largest)
    try check("maxWaiting", maxWaiting, from: 0, to: largest)
    try check("maxOvertakes", maxOvertakes, from: 0, to: largest)
    try check("decodeRounds", decodeRounds, from: 1, to: 1024)
    try check("draftTokens", draftTokens, from: 0, to: 1024)
    try check("secondLevelPages", secondLevelPages, from: 0, to: largest / pageSize)
    if let interTokenTarget, !(interTokenTarget > 0 && interTokenTarget.isFinite) {
      throw .init(name: "interTokenTarget", value: interTokenTarget, expected: "a time above 0 seconds")
    }
    (self.interTokenTarget, self.decodeRounds, self.draftTokens) = (interTokenTarget, decodeRounds, draftTokens)
    (self.secondLevelPages, self.preemption) = (secondLevelPages, preemption)
    (self.prefixCaching, self.evictionPolicy) = (prefixCaching, evictionPolicy)
    (self.queuePolicy, self.maxOvertakes) = (queuePolicy, maxOvertakes)
    (self.pageSize, self.pageCount, self.vocabularySize) = (pageSize, pageCount, vocabularySize)
    self.contextLength = min(contextLength, pageCount * pageSize)
    (self.maxBatchTokens, self.maxWaiting) = (maxBatchTokens, maxWaiting)
    self.maxRunning = min(maxRunning, maxBatchTokens)
  }
}

/// How a preempted sequence gets its keys and values back. Raw values are the names of the command line.
public enum PreemptionMethod: String, Sendable, Hashable, CaseIterable {
  /// By the cheaper of the others, as steps and copies were measured.
  case cheapest
  /// They are computed again.
  case recompute
  /// They are copied to the second level and back; computed again only when there is no place for them.
  case swap
}

/// A size of a `SchedulerConfiguration` that cannot work.
public struct SchedulerConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  public let name: String
  public let value: String
  public let expected: String

  init(name: String, value: some CustomStringConvertible, expected: String) {
    (self.name, self.value, self.expected) = (name, value.description, expected)
  }

  public var description: String { "\(name) is \(value); it must be \(expected)" }
}
