import ModelContests
import Paging
import Scheduling
import Testing

@Suite struct SchedulerExactnessTests {
  /// 40 mixed requests in four families that begin alike.
  private static let prompts: [[Int32]] = (0..<40).map { number in
    tokens(10 + number % 4 * 13, number % 4) + tokens(1 + number * 3 % 29, 50 + number)
  }

  @Test(arguments: QueuePolicy.allCases, EvictionPolicy.allCases)
  func outputsAreTheSameWhateverIsShared(queue: QueuePolicy, eviction: EvictionPolicy) throws {
    let expected = Self.prompts.map { SchedulerDriver.expected($0, count: 12) }
    for (pageSize, pageCount, budget, running) in [(1, 200, 7, 2), (4, 64, 64, 8), (16, 40, 512, 32), (4, 24, 16, 5)] {
      for prefixCaching in [false, true] {
        let driver = SchedulerDriver(
          try SchedulerConfiguration(
            pageSize: pageSize, pageCount: pageCount, contextLength: 90, vocabularySize: NullModel.vocabularySize,
            maxBatchTokens: budget, maxRunning: running, prefixCaching: prefixCaching, evictionPolicy: eviction,
            queuePolicy: queue, maxOvertakes: 5))
        // Cold, then warm.
        for _ in 0..<2 {
          let handles = try Self.prompts.map { try driver.submit($0, maxTokens: 12) }
          try driver.finish()
          #expect(handles.map { driver.outputs[$0] ?? [] } == expected)
        }
        // In the smallest pool a family's prefix is gone before the next of the family comes.
        if pageCount > 24 || !prefixCaching { #expect((driver.scheduler.cacheStatistics.hits > 0) == prefixCaching) }
      }
    }
  }

  @Test func preemptionAtEveryStepChangesNothing() throws {
    let driver = SchedulerDriver(
      try SchedulerConfiguration(
        pageSize: 4, pageCount: 80, contextLength: 90, vocabularySize: NullModel.vocabularySize, maxBatchTokens: 16,
        maxRunning: 6))
    let handles = try Self.prompts.map { try driver.submit($0, maxTokens: 6) }
    var steps = 0
    while try driver.step() != nil, steps < 5000 {
      steps += 1
      driver.scheduler.preemptNewest()
      if steps % 40 == 0 { driver.scheduler.clearCache() }
    }
    #expect(handles.map { driver.outputs[$0] ?? [] } == Self.prompts.map { SchedulerDriver.expected($0, count: 6) })
    #expect(driver.scheduler.preemptions > 50)
  }

  @Test(arguments: [true, false])
  func twoHundredRequestsWithFiveTimesThePagesAllFinish(prefixCaching: Bool) throws {
    // 200 × (40 + 24 tokens, 16 pages) are 3200 pages; there are 640.
    let driver = SchedulerDriver(
      try SchedulerConfiguration(
        pageSize: 4, pageCount: 640, contextLength: 128, vocabularySize: NullModel.vocabularySize,
        maxBatchTokens: 512, maxRunning: 200, prefixCaching: prefixCaching))
    let prompts = (0..<200).map { tokens(40, $0) }
    let handles = try prompts.map { try driver.submit($0, maxTokens: 24) }
    try driver.finish()
    #expect(handles.map { driver.outputs[$0] ?? [] } == prompts.map { SchedulerDriver.expected($0, count: 24) })
    #expect(handles.allSatisfy { driver.last[$0]?.finish == .length })
    #expect(driver.scheduler.preemptions > 0 && driver.mostHeldPages > 600)
    #expect(driver.scheduler.freePages + driver.scheduler.cachedPages == 640)
  }
}
