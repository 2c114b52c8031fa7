import ModelContests
import Scheduling
import Testing

@Suite struct QueuePolicyTests {
  private func driver(_ policy: QueuePolicy, maxOvertakes: Int = 64) throws -> SchedulerDriver {
    // One at a time, so that the order of admission is the order of the policy.
    SchedulerDriver(
      try SchedulerConfiguration(
        pageSize: 4, pageCount: 256, contextLength: 256, vocabularySize: NullModel.vocabularySize, maxBatchTokens: 64,
        maxRunning: 1, queuePolicy: policy, maxOvertakes: maxOvertakes))
  }

  private static let a = tokens(20, 1)
  private static let b = tokens(20, 2)

  /// Which numbers of these prompts are admitted in which order, after `a` and `b` have been cached.
  private func order(_ policy: QueuePolicy, maxOvertakes: Int = 64, _ prompts: [[Int32]]) throws -> [Int] {
    let driver = try driver(policy, maxOvertakes: maxOvertakes)
    _ = try driver.run(Self.a)
    _ = try driver.run(Self.b)
    let handles = try prompts.map { try driver.submit($0, maxTokens: 1) }
    try driver.finish()
    return driver.admitted.dropFirst(2).compactMap { handles.firstIndex(of: $0) }
  }

  private var prompts: [[Int32]] {
    [
      tokens(9, 5), Self.b + tokens(5, 6), Array(Self.a[..<8]) + tokens(5, 7), Self.a + tokens(5, 8),
      tokens(9, 9), Self.a + tokens(3, 10),
    ]
  }

  @Test func eachPolicyHasItsOrder() throws {
    #expect(try order(.firstComeFirstServed, prompts) == [0, 1, 2, 3, 4, 5])
    #expect(try order(.longestPrefixMatch, prompts) == [1, 3, 5, 2, 0, 4])
    // Three share the first pages of a, two of them all of it. When one is left there, b is as heavy, and its request
    // came before. Last is what shares nothing.
    #expect(try order(.depthFirstWeight, prompts) == [3, 5, 1, 2, 0, 4])
    #expect(try order(.priority, prompts) == [0, 1, 2, 3, 4, 5], "all priorities are equal")
  }

  @Test func aHigherPriorityGoesFirst() throws {
    let driver = try driver(.priority)
    let handles = try [0, -3, 5, 0, 5, .min, .max].map { try driver.submit(tokens(9, 1), maxTokens: 1, priority: $0) }
    try driver.finish()
    #expect(driver.admitted.map { handles.firstIndex(of: $0) ?? -1 } == [6, 2, 4, 0, 3, 1, 5])
  }

  @Test func nobodyIsOvertakenMoreOftenThanAllowed() throws {
    #expect(try order(.longestPrefixMatch, maxOvertakes: 2, prompts) == [1, 3, 0, 5, 2, 4])
    #expect(try order(.longestPrefixMatch, maxOvertakes: 0, prompts) == [0, 1, 2, 3, 4, 5])
  }
}
