/// How long a step may go on with the chunks of prompts that it has; the next step goes on with them where they are. Those
/// who decode get their tokens in time, whatever holds the machine up.
public struct StepLimit: Sendable, Hashable {
  /// From the step's schedule to its commit.
  public let seconds: Double
  /// The same for a step in which the chunks come to their end: a little more, since a further one for their last layers
  /// would be half empty.
  public let lastSeconds: Double
  /// What the step is expected to take with its chunks, without them, and of both what follows the last layer: the logits.
  public let wholeSeconds: Double, keptSeconds: Double, tailSeconds: Double
  /// The part of the layers that the chunks go through however late it gets: prompts must come to their end, too.
  public let leastPart: Double
  /// The first sequences of the batch, which are computed in any case: those that decode. At least one.
  public let kept: Int

  /// Whether all of the step is expected to be in time: then chunks go through the layers together with those that decode,
  /// otherwise after them.
  public var isTogether: Bool { wholeSeconds <= seconds }

  public init(
    seconds: Double, lastSeconds: Double, wholeSeconds: Double, keptSeconds: Double, tailSeconds: Double,
    leastPart: Double, kept: Int
  ) {
    (self.seconds, self.lastSeconds) = (seconds, lastSeconds)
    (self.wholeSeconds, self.keptSeconds, self.tailSeconds) = (wholeSeconds, keptSeconds, tailSeconds)
    (self.leastPart, self.kept) = (leastPart, kept)
  }
}
