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
  func preemptNewest() { scheduler.preemptNewest() }
  func clearCache() { scheduler.clearCache() }
  func schedule() -> Batch? { scheduler.schedule() }
  func commit(_ batch: Batch, sampled: [Int32?]) -> [Update] { scheduler.commit(batch, sampled: sampled) }
  func fail(_ batch: Batch) -> [Update] { scheduler.fail(batch) }
  func checkInvariants() throws { try scheduler.checkInvariants() }
}
