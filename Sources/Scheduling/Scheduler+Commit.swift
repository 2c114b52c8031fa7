import Tokenization

extension Scheduler {
  /// Takes in the result of a step.
  /// - Parameter sampled: the chosen token of each sequence of the batch that samples, in batch order; nil where none
  ///   could be chosen, which fails that request.
  /// - Returns: an update for each sequence that got a token or ended, in batch order. Requests that ended while the
  ///   batch ran are passed over.
  public mutating func commit(_ batch: Batch, sampled: [TokenID?]) -> [Update] {
    precondition(hasBatchInFlight, "the batch was not scheduled, or was committed before")
    precondition(sampled.count == batch.sampleCount, "\(sampled.count) tokens for \(batch.sampleCount) rows")
    hasBatchInFlight = false
    var updates: [Update] = []
    var row = 0
    for entry in batch.sequences {
      let token = entry.samples ? sampled[row] : nil
      if entry.samples { row += 1 }
      guard sequences[entry.handle] != nil else { continue }
      sequences[entry.handle]?.table.advance(by: entry.tokens.count)
      if entry.samples, !isValid(token) {
        // What this step computed may be as broken as its logits: nobody shall find it.
        if let update = remove(entry.handle, token: nil, reason: .failed) { updates.append(update) }
        continue
      }
      publish(entry.handle)
      if let token, let update = append(token, to: entry.handle) { updates.append(update) }
    }
    return updates
  }

  /// Ends every request of a batch that could not be run; the others are untouched.
  /// - Returns: their last updates, in batch order.
  public mutating func fail(_ batch: Batch) -> [Update] {
    precondition(hasBatchInFlight, "the batch was not scheduled, or was committed before")
    hasBatchInFlight = false
    return batch.sequences.compactMap { remove($0.handle, token: nil, reason: .failed) }
  }

  private func isValid(_ token: TokenID?) -> Bool {
    token.map { $0 >= 0 && Int($0) < configuration.vocabularySize } ?? false
  }

  private mutating func append(_ token: TokenID, to handle: Int) -> Update? {
    sequences[handle]?.tokens.append(token)
    guard let sequence = sequences[handle] else { return nil }
    if sequence.stopTokens.contains(token) { return remove(handle, token: token, reason: .stop) }
    if sequence.outputCount >= sequence.outputLimit { return remove(handle, token: token, reason: .length) }
    return Update(handle: handle, token: token, finish: nil, usage: sequence.usage)
  }

  /// Lets others share the pages that are full now.
  private mutating func publish(_ handle: Int) {
    guard var sequence = sequences[handle], let lease = sequence.lease,
      sequence.table.tokenCount - lease.tokenCount >= configuration.pageSize
    else { return }
    cache.publish(
      &sequence.lease, sequence.tokens, &sequence.table, priority: sequence.priority, time: clock)
    sequences[handle] = sequence
  }
}
