import ModelContests
import Scheduling
import Testing

@Suite struct PrefixSharingTests {
  private func driver(
    pageSize: Int = 4, pageCount: Int = 256, maxBatchTokens: Int = 64, maxRunning: Int = 16,
    prefixCaching: Bool = true
  ) throws -> SchedulerDriver {
    SchedulerDriver(
      try SchedulerConfiguration(
        pageSize: pageSize, pageCount: pageCount, contextLength: 512, vocabularySize: NullModel.vocabularySize,
        maxBatchTokens: maxBatchTokens, maxRunning: maxRunning, prefixCaching: prefixCaching))
  }

  @Test func aFinishedRequestsPagesAreFoundPromptAndOutputAlike() throws {
    let driver = try driver()
    let prompt = tokens(10)
    let first = try #require(try driver.run(prompt, maxTokens: 5))
    #expect(first.usage.cachedTokens == 0)
    // The last token of the output has no keys and values: 14 tokens are 3 full pages.
    let turn = prompt + SchedulerDriver.expected(prompt, count: 5) + [1, 2, 3]
    let handle = try driver.submit(turn, maxTokens: 2)
    let batch = try #require(try driver.step())
    #expect(batch.sequences.first?.startPosition == 12)
    try driver.finish()
    #expect(driver.last[handle]?.usage == Usage(promptTokens: 18, completionTokens: 2, cachedTokens: 12))
    #expect(driver.outputs[handle] == SchedulerDriver.expected(turn, count: 2))
  }

  @Test(arguments: [1, 4, 16])
  func atLeastOneTokenIsAlwaysComputed(pageSize: Int) throws {
    let driver = try driver(pageSize: pageSize)
    for count in 1...40 {
      _ = try driver.run(tokens(count), maxTokens: 1)
      let again = try #require(try driver.run(tokens(count), maxTokens: 1))
      #expect(again.usage.cachedTokens == (count - 1) / pageSize * pageSize, "\(count) tokens")
    }
  }

  @Test func whatWasCancelledOrPreemptedLeavesItsFullPages() throws {
    let driver = try driver(maxBatchTokens: 16)
    let cancelled = try driver.submit(tokens(30))
    try driver.step()
    #expect(driver.scheduler.cancel(cancelled)?.finish == .cancelled)
    #expect(driver.scheduler.cachedPages == 4)
    #expect(try driver.run(tokens(30))?.usage.cachedTokens == 16)

    let preempted = try driver.submit(tokens(33, 1), maxTokens: 9)
    for _ in 0..<6 { try driver.step() }
    driver.scheduler.preemptNewest()
    // 33 prompt tokens and 3 of 4 generated ones were computed: 36.
    let batch = try #require(try driver.step())
    #expect(batch.sequences.first?.startPosition == 36 && batch.tokenCount == 1)
    try driver.finish()
    #expect(driver.outputs[preempted] == SchedulerDriver.expected(tokens(33, 1), count: 9))
    #expect(driver.last[preempted]?.usage.cachedTokens == 0, "only what was there at the beginning counts")
  }

  @Test func whatAFailedRowComputedIsNotFound() throws {
    let driver = try driver(maxBatchTokens: 16)
    _ = try driver.submit(tokens(28))
    try driver.step()
    let batch = try #require(driver.scheduler.schedule())
    #expect(driver.scheduler.commit(batch, sampled: [nil]).map(\.finish) == [.failed])
    #expect(try driver.run(tokens(28))?.usage.cachedTokens == 16, "of the step before")
  }

  @Test func manyCompletionsOfOnePromptShareItsPages() throws {
    for (sharing, computed, pages) in [(true, 160 + 7 * 4 + 8 * 3, 39 + 8 * 2), (false, 8 * 163, 8 * 41)] {
      let driver = try driver(pageCount: 1024, prefixCaching: sharing)
      let handles = try (0..<8).map { _ in try driver.submit(tokens(160)) }
      try driver.finish()
      #expect(driver.computedTokens == computed && driver.mostHeldPages <= pages)
      for handle in handles { #expect(driver.outputs[handle] == SchedulerDriver.expected(tokens(160), count: 4)) }
      #expect(driver.last[handles[7]]?.usage.cachedTokens == (sharing ? 156 : 0))
    }
  }

  @Test func aRequestWaitsForAPrefixThatIsBeingComputedAndStartsWhenItsPagesAreFull() throws {
    let driver = try driver(maxBatchTokens: 32)
    let long = try driver.submit(tokens(200))
    let branch = Array(tokens(200)[..<64]) + tokens(40, 5)
    let sharer = try driver.submit(branch)
    let stranger = try driver.submit(tokens(20, 9))
    // Two chunks of 32 fill the 64 tokens that they share. The budget is the older one's until then.
    for step in 0..<2 {
      let batch = try #require(try driver.step())
      #expect(batch.sequences.map(\.handle) == [long], "step \(step)")
    }
    try driver.finish()
    #expect(driver.last[sharer]?.usage.cachedTokens == 64)
    #expect(driver.computedTokens == 203 + 43 + 23)
    for (handle, prompt) in [(long, tokens(200)), (sharer, branch), (stranger, tokens(20, 9))] {
      #expect(driver.outputs[handle] == SchedulerDriver.expected(prompt, count: 4))
    }
  }

  @Test func othersGoAheadWhileARequestWaitsForItsPrefix() throws {
    let driver = try driver(maxBatchTokens: 64)
    let first = try driver.submit(tokens(40))
    let sharer = try driver.submit(tokens(40))
    let stranger = try driver.submit(tokens(20, 9))
    let batch = try #require(try driver.step())
    #expect(batch.sequences.map(\.handle) == [first, stranger])
    try driver.step()
    #expect(driver.admitted == [first, stranger, sharer])
    try driver.finish()
  }

  @Test func aShortCommonBeginningIsNotWaitedFor() throws {
    let driver = try driver(maxBatchTokens: 64)
    let a = try driver.submit([1, 2, 3, 4] + tokens(20, 1))
    let b = try driver.submit([1, 2, 3, 4] + tokens(20, 2))
    let batch = try #require(try driver.step())
    #expect(batch.sequences.map(\.handle) == [a, b])
    #expect(driver.scheduler.cacheStatistics.sharedDuplicates == 1, "both computed the first page; one stays")
    try driver.finish()
  }

  @Test func saltsKeepPrefixesApart() throws {
    let driver = try driver()
    // Two ways of writing é look alike and are other salts.
    let salts = [
      ("", 0), ("a", 0), ("b", 0), ("", 36), ("a", 36), ("\u{E9}", 0), ("e\u{301}", 0), ("e\u{301}", 36),
      ("\u{E9}", 36),
    ]
    for (salt, expected) in salts {
      #expect(try driver.run(tokens(40), salt: salt)?.usage.cachedTokens == expected, "salt \(salt)")
    }
    // Nor do they wait for each other.
    let pair = try [driver.submit(tokens(30, 3), salt: "a"), driver.submit(tokens(30, 3), salt: "b")]
    #expect(try driver.step()?.sequences.map(\.handle) == pair)
  }

  @Test func cachedPagesGoBeforeARunningSequenceDoes() throws {
    let driver = try driver(pageCount: 24)
    _ = try driver.run(tokens(60), maxTokens: 2)
    #expect(driver.scheduler.cachedPages == 15)
    let handle = try driver.submit(tokens(70, 1), maxTokens: 20)
    try driver.finish()
    #expect(driver.scheduler.preemptions == 0)
    #expect(driver.scheduler.cacheStatistics.evictedPages > 0)
    #expect(driver.outputs[handle] == SchedulerDriver.expected(tokens(70, 1), count: 20))
  }

  @Test func aSwitchTurnsSharingOff() throws {
    let driver = try driver(prefixCaching: false)
    for _ in 0..<3 { #expect(try driver.run(tokens(40))?.usage.cachedTokens == 0) }
    #expect(driver.scheduler.cachedPages == 0 && driver.scheduler.freePages == 256)
    #expect(driver.scheduler.cacheStatistics.queries == 0)
  }

  @Test func pagesAreTakenOverWithTheirSalts() throws {
    let configuration = try SchedulerConfiguration(
      pageSize: 4, pageCount: 64, contextLength: 90, vocabularySize: NullModel.vocabularySize)
    var old = Scheduler(configuration), new = Scheduler(configuration)
    var model = NullModel(configuration)
    let salts = ["", "tenant", "\u{E9}\r\n:", "e\u{301}"]
    for salt in salts {
      var request = GenerationRequest(id: salt, prompt: tokens(21), maxTokens: 1)
      request.cacheSalt = salt
      _ = try old.submit(request)
      while let batch = old.schedule() { _ = old.commit(batch, sampled: model.run(batch) { _ in 0 }) }
    }
    var prefixes: [[Int32]] = []
    var taken = 0
    old.forEachSharedPage { (salt, parent: Int?, tokens, _) -> Int in
      prefixes.append((parent.map { prefixes[$0] } ?? []) + tokens)
      if new.adopt(prefixes[prefixes.count - 1], salt: salt) != nil { taken += 1 }
      return prefixes.count - 1
    }
    #expect(taken == 5 * salts.count && new.cachedPages == taken)
    let unknown = new.adopt([0, 1, 2, 99_999], salt: "")
    #expect(unknown == nil)
    try new.checkInvariants()
    old.forgetPrefixes()
    var left = 0
    old.forEachSharedPage { (_, _: Int?, _, _) -> Int in
      left += 1
      return left
    }
    #expect(left == 0 && old.hasForgottenPrefixes == true)
  }
}
