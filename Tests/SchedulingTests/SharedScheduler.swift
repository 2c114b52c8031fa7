import Paging
import Scheduling

/// A scheduler in a class: the macros of Swift Testing take copies of what they look at, and a `Scheduler` has none.
final class SharedScheduler {
  private var scheduler: Scheduler

  init(_ configuration: SchedulerConfiguration) { scheduler = Scheduler(configuration) }

  var waitingCount: Int { scheduler.waitingCount }
  var runningCount: Int { scheduler.runningCount }
  var freePages: Int { scheduler.freePages }
  var cachedPages: Int { scheduler.cachedPages }
  var cacheStatistics: PrefixCacheStatistics { scheduler.cacheStatistics }
  var isIdle: Bool { scheduler.isIdle }
  var preemptions: Int { scheduler.preemptions }

  func submit(_ request: GenerationRequest) throws(AdmissionError) -> Int { try scheduler.submit(request) }
  func cancel(_ handle: Int) -> Update? { scheduler.cancel(handle) }
  var swaps: Int { scheduler.swaps }
  var acceptedTokens: Int { scheduler.acceptedTokens }
  var draftedTokens: Int { scheduler.draftedTokens }
  var stepCosts: StepCostModel { scheduler.stepCosts }
  var secondLevelPages: (cached: Int, lent: Int) { scheduler.secondLevelPages }
  func observe(_ batch: Batch, seconds: Double) { scheduler.observe(batch, seconds: seconds) }
  var canShed: Bool {
    get { scheduler.canShed }
    set { scheduler.canShed = newValue }
  }
  var shedChunks: Int { scheduler.shedChunks }
  func shed(_ batch: Batch, after progress: Double) -> Batch { scheduler.shed(batch, after: progress) }
  func evictCache() { scheduler.evictCache() }
  func scheduleNext(after batch: Batch) -> Batch? { scheduler.scheduleNext(after: batch) }
  func noteCopies(_ batch: Batch, failed: [Bool]) -> Bool { scheduler.noteCopies(batch, failed: failed) }
  func preemptNewest(by method: PreemptionMethod? = nil) { scheduler.preemptNewest(by: method) }
  func clearCache() { scheduler.clearCache() }
  func schedule() -> Batch? { scheduler.schedule() }
  func commit(_ batch: Batch, sampled: [Int32?]) -> [Update] { scheduler.commit(batch, sampled: sampled) }
  func fail(_ batch: Batch) -> [Update] { scheduler.fail(batch) }
  func checkInvariants() throws { try scheduler.checkInvariants() }
}
