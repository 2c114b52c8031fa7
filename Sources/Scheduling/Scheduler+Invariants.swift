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
    do { try pool.checkInvariants() } catch { throw SchedulerViolation(description: error.description) }
    let order = running + waiting
    try require(zip(order, order.dropFirst()).allSatisfy { $0 < $1 }, "the queues are out of order: \(order)")
    try require(order.count == sequences.count, "\(order.count) queued, \(sequences.count) live")
    try require(running.count <= configuration.maxRunning, "\(running.count) run")
    var holders = [Int](repeating: 0, count: configuration.pageCount)
    for (place, handle) in order.enumerated() {
      guard let sequence = sequences[handle] else { throw SchedulerViolation(description: "\(handle) is unknown") }
      try require(sequence.handle == handle, "sequence \(sequence.handle) is filed under \(handle)")
      try require(sequence.remaining > 0, "sequence \(handle) has nothing to compute")
      try require(sequence.tokens.count < configuration.contextLength + 1, "sequence \(handle) is beyond the context")
      try require(place < running.count || sequence.table.pages.isEmpty, "sequence \(handle) waits with pages")
      for page in sequence.table.pages { holders[Int(page)] += 1 }
    }
    for (page, count) in holders.enumerated() {
      let references = pool.referenceCount(of: Int32(page))
      try require(references == count, "page \(page) has \(references) references and \(count) holders")
    }
  }
}
