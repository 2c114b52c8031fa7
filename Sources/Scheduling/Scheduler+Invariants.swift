/// A broken promise of a `Scheduler`: a fault in the program, never in its input.
public struct SchedulerViolation: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
}

extension Scheduler {
  /// Checks pages against sequences and the order of the queues. O(pages + tokens); for tests.
  public func checkInvariants() throws(SchedulerViolation) {
    func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(SchedulerViolation) {
      guard holds else { throw SchedulerViolation(description: sentence()) }
    }
    do { try cache.checkInvariants() } catch { throw SchedulerViolation(description: error.description) }
    let order = running + waiting
    for queue in [running, waiting] {
      try require(zip(queue, queue.dropFirst()).allSatisfy { $0 < $1 }, "a queue is out of order: \(queue)")
    }
    try require(order.count == sequences.count, "\(order.count) queued, \(sequences.count) live")
    try require(running.count <= configuration.maxRunning, "\(running.count) run")
    var lent = 0
    var holders = [Int](repeating: 0, count: configuration.pageCount)
    for (place, handle) in order.enumerated() {
      guard let sequence = sequences[handle] else { throw SchedulerViolation(description: "\(handle) is unknown") }
      try require(sequence.handle == handle, "sequence \(sequence.handle) is filed under \(handle)")
      try require(sequence.remaining > 0, "sequence \(handle) has nothing to compute")
      try require(sequence.tokens.count < configuration.contextLength + 1, "sequence \(handle) is beyond the context")
      try require(place < running.count || sequence.table.pages.isEmpty, "sequence \(handle) waits with pages")
      try require(
        (sequence.lease != nil) == (place < running.count && configuration.prefixCaching), "\(handle)'s lease")
      try require((sequence.lease?.tokenCount ?? 0) <= sequence.table.tokenCount, "\(handle) shares what it has not")
      try require(sequence.swapped == nil || place >= running.count, "\(handle) runs and is swapped out")
      lent += sequence.swapped?.slots.count ?? 0
      try require(sequence.overtakes <= configuration.maxOvertakes, "\(handle) was overtaken too often")
      for page in sequence.table.pages { holders[Int(page)] += 1 }
    }
    try require(lent == cache.secondLevel.lentCount, "\(cache.secondLevel.lentCount) slots are lent, \(lent) are known")
    for (page, count) in holders.enumerated() {
      let references = cache.pool.referenceCount(of: Int32(page))
      try require(references == count, "page \(page) has \(references) references and \(count) holders")
    }
  }
}
