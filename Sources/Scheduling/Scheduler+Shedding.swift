extension Scheduler {
  /// How often a chunk may be shed no further than the time before: prompts must come to their end, too.
  private static let mostSetbacks = 3

  /// A chunk that one step has no time for has so many tokens or more: weights, and the keys and values before it, are read
  /// once for all of them.
  private static let leastSpread = 192
  /// How much less than planned the steps of a chunk have time for: another one for its last layers would be half empty.
  private static let spare = 0.1
  /// The part of the target that steps are taken to have for chunks, however little it is.
  private static let leastPart = 0.1

  /// What a step with chunks may take where those who decode exceed the target by themselves, of the time of these.
  private static let overshoot = 1.5

  /// The limit of a step in which those who decode take `kept` seconds by themselves. If these exceed the target, keeping
  /// prompts out would not hold it either; they would only wait the longer.
  /// - limit: for steps within the target: shorter than that by a margin.
  func reachable(_ limit: Double, beside kept: Double) -> Double {
    kept > configuration.interTokenTarget ?? .infinity ? Self.overshoot * kept : limit
  }

  /// Whether the step that is put together may shed chunks.
  var mayShed: Bool { canShed && setbacks < Self.mostSetbacks }

  /// The seconds that a step of this size will hardly exceed.
  func upperBound(_ shape: StepShape) -> Double { stepCosts.upperBound(shape, canShed: mayShed) }

  /// What a step may be expected to take whose chunks fill as many as `leastSpread` tokens of this prompt need, a part of
  /// the layers in each.
  func spreadSeconds(_ wanted: Int, after start: Int, _ plan: borrowing StepPlan) -> Double? {
    guard let target = configuration.interTokenTarget else { return nil }
    let kept = stepCosts.expected(plan.shape) + plan.copySeconds
    let left = max(reachable(margin.part * target, beside: kept) - kept, Self.leastPart * target)
    let whole = stepCosts.expected(plan.shape.adding(min(wanted, Self.leastSpread), after: start)) + plan.copySeconds
    return kept + (((whole - kept) / left).rounded(.up) - Self.spare) * left
  }

  /// The limit of the step that was put together, if it has one: chunks beside sequences that decode.
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
    let chunkTokens = plan.shape.tokens - alone.tokens, keptSeconds = stepCosts.expected(alone)
    let seconds = reachable(margin.part * target, beside: keptSeconds)
    // In each step as far as `leastChunk` tokens in all layers, on average: one that is late is let off for those before.
    let due = Double(shedSteps + 1) * Double(Self.leastChunk) / Double(max(Self.leastChunk, chunkTokens))
    return StepLimit(
      seconds: seconds, lastSeconds: max(seconds, margin.lastPart * target),
      wholeSeconds: stepCosts.expected(plan.shape), keptSeconds: keptSeconds,
      tailSeconds: stepCosts.costs.perRow * Double(plan.shape.rows),
      leastPart: max(0, due - shedProgress), kept: kept.count)
  }

  /// Takes the sequences out of a batch in flight that the step has shed: all behind those that its limit keeps. The next
  /// step has them again, with the same tokens.
  /// - progress: the part of their way through the layers that is behind them; it grows until they are done.
  /// - Returns: what is left, to be committed or failed.
  public mutating func shed(_ batch: Batch, after progress: Double) -> Batch {
    precondition(hasBatchInFlight, "the batch was not scheduled, or was committed before")
    guard let limit = batch.limit else { preconditionFailure("a batch without a limit sheds nothing") }
    shedGrants = batch.sequences[limit.kept...].map { (handle: $0.handle, tokens: $0.tokens.count) }
    shedChunks += shedGrants.count
    if progress <= shedProgress { (setbacks, shedSteps) = (setbacks + 1, 0) }
    (shedProgress, shedSteps) = (progress, shedSteps + 1)
    return Batch(sequences: Array(batch.sequences[..<limit.kept]), pageSize: batch.pageSize)
  }
}
