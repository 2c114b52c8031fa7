/// Guesses how a sequence goes on from what it has said before: where its last tokens occurred last, what followed then.
///
/// Costs nothing when it is wrong but the rows that were computed in vain, and needs no second model. Source: prompt lookup
/// decoding (Saxena, 2023) and n-gram speculation of vLLM.
enum PromptLookup {
  /// The longest and the shortest run of tokens that is looked for.
  static let longest = 4, shortest = 2
  /// How far back it is looked.
  static let window = 8192

  /// At most `count` tokens that followed the latest earlier occurrence of the longest run that has one; of equally long
  /// runs the latest. Takes time linear in the window.
  static func guess(_ tokens: [Int32], count: Int) -> ArraySlice<Int32> {
    guard count > 0, tokens.count > shortest, let last = tokens.last else { return [] }
    let first = max(0, tokens.count - window)
    var best: (length: Int, next: Int) = (shortest - 1, 0)
    var end = tokens.count - 2  // the run ends here
    tokens.withUnsafeBufferPointer { tokens in
      while end >= first + shortest - 1, best.length < longest {
        if tokens[end] == last {
          var length = 1
          while length < longest, end - length >= first, tokens[end - length] == tokens[tokens.count - 1 - length] {
            length += 1
          }
          if length > best.length { best = (length, end + 1) }
        }
        end -= 1
      }
    }
    guard best.length >= shortest else { return [] }
    return tokens[best.next..<min(tokens.count, best.next + count)]
  }
}

extension Scheduler {
  /// Adds guesses to decoding sequences, as far as the step has tokens, rows, pages and time left that nobody else wants.
  /// Nobody wants them only while no prompt is computed or waits.
  mutating func addDrafts(_ plan: inout StepPlan) {
    guard configuration.draftTokens > 0, plan.hasDecoding, !plan.hasPrefill, waiting.isEmpty else { return }
    for index in plan.grants.indices {
      let grant = plan.grants[index]
      guard grant.rows == 1, let sequence = sequences[grant.handle], sequence.isDecoding else { continue }
      var most = min(
        sequence.draftLimit(configuration.draftTokens), plan.budget,
        configuration.maxSampledRows - plan.shape.rows, sequence.outputLimit - sequence.outputCount - 1)
      extend(grant.handle, to: grant.start + 1 + most)
      most = min(most, (sequences[grant.handle]?.table.capacity ?? 0) - grant.start - 1)
      let drafts = PromptLookup.guess(sequence.tokens, count: most)
      if drafts.isEmpty { continue }
      if let target = stepTarget {
        var shape = plan.shape
        shape.add(count: drafts.count, after: grant.start + 1, rows: drafts.count)
        if stepCosts.upperBound(shape) > target { continue }
      }
      draftedTokens += drafts.count
      plan.add(Array(drafts), to: index)
    }
  }
}
