extension Scheduler {
  /// How much of the target a step may take before it sheds.
  private static let limitPart = 0.985

  /// How many steps may shed one after the other: prompts must come to their end, too.
  private static let mostSheds = 3

  /// Whether the step that is put together may shed chunks.
  var mayShed: Bool { canShed && shedsInARow < Self.mostSheds }

  /// The seconds that a step of this size will hardly exceed.
  func upperBound(_ shape: StepShape) -> Double { stepCosts.upperBound(shape, canShed: mayShed) }

  /// The limit of the step that was put together, if it has one: not one that is late however short its chunks are.
  func limit(_ plan: borrowing StepPlan) -> StepLimit? {
    let kept = plan.grants.prefix { $0.isDecoding }
    guard mayShed, let target = configuration.interTokenTarget, !kept.isEmpty, kept.count < plan.grants.count else {
      return nil
    }
    var alone = StepShape()
    for grant in kept {
      let drafts = grant.drafts.count
      alone.add(count: grant.tokens + drafts, after: grant.start, rows: grant.rows + drafts)
    }
    let costs = stepCosts.costs, expected = stepCosts.expected(plan.shape), limit = Self.limitPart * target
    guard expected < limit else { return nil }
    return StepLimit(
      seconds: limit, expectedSeconds: expected, tailSeconds: costs.perRow * Double(plan.shape.rows), kept: kept.count,
      keptPart: costs.seconds(alone) / costs.seconds(plan.shape))
  }

  /// Takes the sequences out of a batch in flight that the step has shed: all behind those that its limit keeps. The next
  /// step has them again, with the same tokens.
  /// - Returns: what is left, to be committed or failed.
  public mutating func shed(_ batch: Batch) -> Batch {
    precondition(hasBatchInFlight, "the batch was not scheduled, or was committed before")
    guard let limit = batch.limit else { preconditionFailure("a batch without a limit sheds nothing") }
    for entry in batch.sequences[limit.kept...] { shedTokens[entry.handle] = entry.tokens.count }
    shedChunks += shedTokens.count
    shedsInARow += 1
    return Batch(sequences: Array(batch.sequences[..<limit.kept]), pageSize: batch.pageSize)
  }
}
