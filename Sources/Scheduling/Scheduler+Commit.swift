import Tokenization

extension Scheduler {
  /// Takes in the result of a step.
  /// - Parameter sampled: the token chosen from each row of the batch, in batch order; nil where none could be chosen,
  ///   which fails that request, unless only a guess led to that row.
  /// - Returns: updates in batch order: one for each sequence that ended or got a token, and one more for each guess that
  ///   held. Requests that ended while the batch ran are passed over.
  public mutating func commit(_ batch: Batch, sampled: [TokenID?]) -> [Update] {
    precondition(hasBatchInFlight, "the batch was not scheduled, or was committed before")
    precondition(sampled.count == batch.sampleCount, "\(sampled.count) tokens for \(batch.sampleCount) rows")
    hasBatchInFlight = false
    var updates: [Update] = []
    var row = 0
    for entry in batch.sequences {
      let rows = row..<row + entry.rowCount
      row = rows.upperBound
      guard sequences[entry.handle] != nil else { continue }
      if entry.samples {
        take(entry, sampled, rows, &updates)
      } else {
        sequences[entry.handle]?.table.advance(by: entry.tokens.count)
        publish(entry.handle)
      }
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

  /// Takes in the rows of one sequence: the first token chosen, and each further one whose row stood behind a guess that
  /// was chosen before.
  private mutating func take(
    _ entry: BatchSequence, _ sampled: [TokenID?], _ rows: Range<Int>, _ updates: inout [Update]
  ) {
    guard let first = sampled[rows.lowerBound], isValid(first) else {
      // What this step computed may be as broken as its logits: nobody shall find it.
      if let update = remove(entry.handle, token: nil, reason: .failed, row: rows.lowerBound) { updates.append(update) }
      return
    }
    let certain = entry.tokens.count - entry.drafts
    var token = first
    var taken = 0
    while true {
      sequences[entry.handle]?.tokens.append(token)
      guard let sequence = sequences[entry.handle] else { return }
      let row = rows.lowerBound + taken
      // Keys and values up to the token before this one are right.
      let isGuessed = taken < entry.drafts && entry.tokens[certain + taken] == token
      let next = isGuessed ? sampled[row + 1] : nil
      let reason: FinishReason? =
        sequence.stopTokens.contains(token)
        ? .stop : sequence.outputCount >= sequence.outputLimit ? .length : nil
      if reason == nil, let next, isValid(next) {
        updates.append(Update(handle: entry.handle, token: token, finish: nil, usage: sequence.usage, row: row))
        taken += 1
        token = next
        continue
      }
      sequences[entry.handle]?.table.advance(by: certain + taken)
      countDrafts(entry, held: taken)
      publish(entry.handle)
      if let reason {
        if let update = remove(entry.handle, token: token, reason: reason, row: row) { updates.append(update) }
      } else {
        updates.append(Update(handle: entry.handle, token: token, finish: nil, usage: sequence.usage, row: row))
      }
      return
    }
  }

  private mutating func countDrafts(_ entry: BatchSequence, held: Int) {
    guard entry.drafts > 0 else { return }
    acceptedTokens += held
    sequences[entry.handle]?.noteDrafts(entry.drafts, held: held)
  }

  private func isValid(_ token: TokenID?) -> Bool {
    token.map { $0 >= 0 && Int($0) < configuration.vocabularySize } ?? false
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
