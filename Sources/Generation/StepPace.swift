import Scheduling

/// Watches a step with a limit, layer by layer, and says when it is to shed its chunks of prompts.
///
///     0 ms          layers done              now                              limit
///     |-----------------------|--- stall ---|--|- - - - layers to come - - - - | - - |
///
/// Layers to come are taken to be as long as those done, stalls left out, and at the beginning as was planned.
/// Belongs to the engine's thread.
final class StepPace {
  private let limit: StepLimit, start: Double
  private let clock: EngineClock
  private var last: Double, lastLayers = 0
  /// Of the layers seen, stalls left out.
  private var usualSeconds = 0.0, seen = 0.0
  /// What the step would have taken as a whole, if it has shed its chunks.
  private(set) var wholeSeconds: Double?

  /// How many layers' time the plan is worth beside the layers seen.
  private static let planWeight = 8.0
  /// A layer that takes more than so many others was held up.
  private static let longestLayer = 1.5
  /// How much later than the limit a step may be expected at its beginning: layers to come may be faster.
  private static let slack = 0.04

  /// - start: when the step was scheduled, in seconds of `clock`.
  init(_ limit: StepLimit, start: Double, clock: @escaping EngineClock) {
    (self.limit, self.start, self.clock) = (limit, start, clock)
    last = clock()
  }

  /// Asked after each layer; not after the first ones, if these had no prompts in them.
  /// - Returns: true once, when the chunks are to be shed.
  func isLate(after layers: Int, of count: Int) -> Bool {
    let now = clock(), layerSeconds = layerSeconds(layers, of: count, now - last), left = Double(count - layers)
    (last, lastLayers) = (now, layers)
    guard wholeSeconds == nil, layers < count else { return false }
    let expected = now - start + left * layerSeconds + limit.tailSeconds
    guard expected > limit.seconds * (1 + Self.slack * left / Double(count)) else { return false }
    // A step that is late all the same shall at least not have been for nothing.
    let saved = left * layerSeconds * (1 - limit.keptPart)
    guard expected - saved <= limit.seconds || 2 * layers <= count else { return false }
    wholeSeconds = expected
    return true
  }

  /// What a layer takes, as far as `layers` layers tell.
  /// - seconds: of the last of them.
  private func layerSeconds(_ layers: Int, of count: Int, _ seconds: Double) -> Double {
    let planned = (limit.expectedSeconds - limit.tailSeconds) / Double(count)
    func mean() -> Double { (Self.planWeight * planned + usualSeconds) / (Self.planWeight + seen) }
    guard layers == lastLayers + 1 else { return mean() }
    usualSeconds += min(seconds, Self.longestLayer * mean())
    seen += 1
    return mean()
  }
}
