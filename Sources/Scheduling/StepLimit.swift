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
