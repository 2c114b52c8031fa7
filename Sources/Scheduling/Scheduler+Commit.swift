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
      guard entry.samples else { continue }
      if let update = append(token, to: entry.handle) { updates.append(update) }
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

  private mutating func append(_ token: TokenID?, to handle: Int) -> Update? {
    guard let token, token >= 0, Int(token) < configuration.vocabularySize else {
      return remove(handle, token: nil, reason: .failed)
    }
    sequences[handle]?.tokens.append(token)
    guard let sequence = sequences[handle] else { return nil }
    if sequence.stopTokens.contains(token) { return remove(handle, token: token, reason: .stop) }
    if sequence.outputCount >= sequence.outputLimit { return remove(handle, token: token, reason: .length) }
    return Update(handle: handle, token: token, finish: nil, usage: sequence.usage)
  }
}
