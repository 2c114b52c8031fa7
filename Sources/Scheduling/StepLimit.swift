/// How late a step may get before it sheds the chunks of prompts: the rest of the step is run without them, and the next
/// step goes on with them. Those who decode get their tokens in time, whatever holds the machine up.
public struct StepLimit: Sendable, Hashable {
  /// From the step's schedule to its commit.
  public let seconds: Double
  /// What the step is expected to take, and of that what follows the last layer: the logits.
  public let expectedSeconds: Double, tailSeconds: Double
  /// The first sequences of the batch, which are computed in any case: those that decode. At least one.
  public let kept: Int
  /// The part of the step's time that it would take with these alone.
  public let keptPart: Double

  public init(seconds: Double, expectedSeconds: Double, tailSeconds: Double, kept: Int, keptPart: Double) {
    (self.seconds, self.expectedSeconds, self.tailSeconds) = (seconds, expectedSeconds, tailSeconds)
    (self.kept, self.keptPart) = (kept, keptPart)
  }
}

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
