import Models
import Scheduling

/// Watches a step with a limit, half a layer at a time, and says when it is to leave its chunks of prompts out.
///
///     0 ms          done                    now     one more                                       limit
///     |--------------------------------------|--------|- - the rest without the chunks - -|- logits -|- -|
///
/// Chunks stay as long as the step is in time if they leave behind the next half; and to their end if it is in time then.
/// Belongs to the engine's thread.
final class StepPace {
  private let limit: StepLimit, start: Double
  private let clock: EngineClock
  private var last: Double, levels: PassLevels
  /// Halves of layers that the chunks were in.
  private var wholeHalves = 0.0
  /// After how many halves of layers the chunks were left out, if they were.
  private(set) var shedAfter: Int?
  /// What the step would have taken as a whole, if it has shed its chunks; stalls left out.
  private(set) var wholeSeconds: Double?
  /// Whether they were left out as soon as they might be.
  private(set) var wasForced = false

  /// - start: when the step was scheduled, in seconds of `clock`. levels: as the last such step left them.
  init(_ limit: StepLimit, start: Double, _ levels: PassLevels, clock: @escaping EngineClock) {
    (self.limit, self.start, self.levels, self.clock) = (limit, start, levels, clock)
    last = clock()
  }

  /// Asked after each half of a layer.
  /// - Returns: true once, when the chunks are to be left out.
  func isDue(_ progress: PassProgress) -> Bool {
    let now = clock(), (done, count) = (progress.done, progress.count)
    let whole = (limit.wholeSeconds - limit.tailSeconds) / Double(count)
    let kept = (limit.keptSeconds - limit.tailSeconds) / Double(count)
    levels.learn(now - last, of: done - 1, isWhole: progress.isWhole, planned: progress.isWhole ? whole : kept)
    last = now
    guard progress.isWhole, shedAfter == nil, done < count else { return false }
    wholeHalves += 1
    let least = limit.leastPart * Double(count)
    guard wholeHalves >= least else { return false }
    let tail = limit.tailSeconds * levels.tail, elapsed = now - start + tail
    if elapsed + whole * levels.whole.sum(done..<count) <= limit.lastSeconds { return false }
    let leaving = whole * levels.whole.sum(done..<done + 1) + kept * levels.kept.sum(done + 1..<count)
    guard elapsed + leaving > limit.seconds else { return false }
    (shedAfter, wasForced) = (done, wholeHalves < least + 1)
    wholeSeconds = whole * levels.whole.sum(0..<count) + tail
    return true
  }

  /// The step has ended.
  /// - Returns: what its parts took, for the next step.
  func end(at now: Double) -> PassLevels {
    levels.learnTail(now - last, planned: limit.tailSeconds)
    return levels
  }
}

/// What the parts of a step take, relative to a plan in which all halves of layers are alike; over the last ten or so of a
/// kind, for what slows a machine down lasts for longer.
struct PassLevels: Sendable {
  /// Attention, and feed-forward.
  struct Halves: Sendable {
    fileprivate var levels = SIMD2(1.0, 1.0)

    /// Of the halves with these numbers together.
    func sum(_ range: Range<Int>) -> Double {
      func even(_ end: Int) -> Double { Double((end + 1) / 2) }
      let evens = even(range.upperBound) - even(range.lowerBound)
      return evens * levels[0] + (Double(range.count) - evens) * levels[1]
    }
  }

  /// With chunks of prompts, and without them.
  private(set) var whole = Halves(), kept = Halves()
  /// What follows the last layer.
  private(set) var tail = 1.0

  private static let memory = 0.9
  /// What takes more than so many times the usual was held up.
  private static let longest = 1.5
  private static let range = 0.1...10

  mutating func learn(_ seconds: Double, of half: Int, isWhole: Bool, planned: Double) {
    let kind = half % 2
    if isWhole {
      whole.levels[kind] = Self.level(whole.levels[kind], seconds, planned)
    } else {
      kept.levels[kind] = Self.level(kept.levels[kind], seconds, planned)
    }
  }

  mutating func learnTail(_ seconds: Double, planned: Double) { tail = Self.level(tail, seconds, planned) }

  private static func level(_ level: Double, _ seconds: Double, _ planned: Double) -> Double {
    guard planned > 0 else { return level }
    let seen = min(seconds / planned, longest * level)
    return min(range.upperBound, max(range.lowerBound, memory * level + (1 - memory) * seen))
  }
}
