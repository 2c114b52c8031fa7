import Models
import Scheduling

/// Watches a step with a limit and says for how much of its chunks of prompts there is room.
///
///     0 ms                                                now                                     limit
///     |- - those who decode: all layers, logits - -|- chunk -|- - one more half, or rows of it - -|- sampling -|
///
/// Those who decode come first, whatever that takes; the chunks fill what is left, and leave in time. Where all is expected
/// to be done in time, the chunks go along with those who decode, until there is just time for the rest without them.
/// Belongs to the engine's thread.
final class StepPace {
  private let limit: StepLimit, start: Double
  private let clock: EngineClock
  private var last: Double, levels: PassLevels
  /// How many rows the chunks' last half of a layer by themselves, or part of one, was granted; nil before the first.
  private var granted: Int?
  /// Halves of layers that the chunks were in.
  private var wholeHalves = 0.0
  /// When those who decode were done, if the chunks were not with them.
  private var keptEnd: Double?
  /// The part of their way that the chunks had behind them when they were left out; nil if they were not.
  private(set) var shedAfter: Double?
  /// What the step would have taken as a whole, if it has shed its chunks; stalls left out.
  private(set) var wholeSeconds: Double?
  /// Whether they were in longer than there was room for: prompts must come to their end, too.
  private(set) var wasForced = false

  /// Fewer rows than these are not worth reading weights for.
  private static let leastRows = 24

  /// - start: when the step was scheduled, in seconds of `clock`. levels: as the last such step left them.
  init(_ limit: StepLimit, start: Double, _ levels: PassLevels, clock: @escaping EngineClock) {
    (self.limit, self.start, self.levels, self.clock) = (limit, start, levels, clock)
    last = clock()
  }

  /// Asked as `PassProgress` says.
  /// - Returns: how many of the chunks' rows there is room for in the next half of a layer.
  func room(_ progress: PassProgress) -> Int {
    let now = clock(), seconds = now - last
    defer { last = now }
    switch progress.part {
    case .kept:
      levels.learn(seconds, of: progress.done - 1, .kept, planned: plan(.kept, progress))
      return progress.rows
    case .together:
      levels.learn(seconds, of: progress.done - 1, .together, planned: plan(.together, progress))
      wholeHalves += 1
      return stayTogether(progress, now) ? progress.rows : 0
    case .others: return othersRoom(progress, now)
    }
  }

  /// What a half of a layer is planned to take.
  private func plan(_ part: PassProgress.Part, _ progress: PassProgress) -> Double {
    let seconds =
      switch part {
      case .together: limit.wholeSeconds - limit.tailSeconds
      case .kept: limit.keptSeconds - limit.tailSeconds
      case .others: limit.wholeSeconds - limit.keptSeconds
      }
    return seconds / Double(progress.count)
  }

  /// How many more halves the chunks are in, however late it gets.
  private func owed(_ progress: PassProgress) -> Double {
    max(wholeHalves > 0 ? 0 : 1e-9, limit.leastPart * Double(progress.count) - wholeHalves)
  }

  private func stayTogether(_ progress: PassProgress, _ now: Double) -> Bool {
    let (done, count) = (progress.done, progress.count)
    let whole = plan(.together, progress), kept = plan(.kept, progress)
    if done == count { return true }
    let tail = limit.tailSeconds * levels.tail, elapsed = now - start + tail
    if elapsed + whole * levels[.together].sum(done..<count) <= limit.lastSeconds { return true }
    let leaving = whole * levels[.together].sum(done..<done + 1) + kept * levels[.kept].sum(done + 1..<count)
    guard elapsed + leaving > limit.seconds else { return true }
    if owed(progress) > 0 {
      wasForced = true
      return true
    }
    wholeSeconds = whole * levels[.together].sum(0..<count) + tail
    return false
  }

  private func othersRoom(_ progress: PassProgress, _ now: Double) -> Int {
    let (done, count, rows) = (progress.done, progress.count, Double(progress.rows))
    let planned = plan(.others, progress), left = progress.rows - progress.ahead
    if let granted {
      // What was asked for before has been done: the first rows of this half, or the last ones of the half before.
      let half = progress.ahead > 0 ? done : done - 1
      levels.learn(now - last, of: half, .others, planned: planned * Double(granted) / rows)
      wholeHalves += Double(granted) / rows
    } else {
      keptEnd = now
    }
    guard done < count else { return 0 }
    let half = planned * levels[.others].sum(done..<done + 1)
    let behind = planned * levels[.others].sum(done..<count) - half * Double(progress.ahead) / rows
    let finish = limit.tailSeconds * levels.finish, elapsed = now - start + finish
    var room = left
    if elapsed + behind > limit.lastSeconds {
      // Where the model of costs takes rows for free, there is nothing to divide by.
      let fitting = half > 0 ? max(0, limit.seconds - elapsed) / half : 0
      room = worthwhile(Int(min(2, fitting) * rows), of: left)
      if room == 0, owed(progress) > 0 {
        room = min(left, max(Self.leastRows, Int((owed(progress) * rows).rounded(.up))))
        wasForced = true
      }
    }
    if room == 0 {
      shedAfter = progress.way
      wholeSeconds =
        wholeSeconds ?? (keptEnd ?? now) - start + planned * levels[.others].sum(0..<count) + finish
      return 0
    }
    granted = room
    return room
  }

  /// How many of the rows that are left to take where so many fit. Near the limit half of them, so that what these take
  /// tells of the others; not so few, and not so many that so few are left.
  private func worthwhile(_ fitting: Int, of left: Int) -> Int {
    if fitting >= 2 * left || fitting >= left && left < 2 * Self.leastRows { return left }
    let half = max(fitting / 2, min(fitting, Self.leastRows))
    return max(0, min(half, left - Self.leastRows)) / Self.leastRows * Self.leastRows
  }

  /// The step has ended.
  /// - Returns: what its parts took, for the next step.
  func end(at now: Double) -> PassLevels {
    levels.learnEnd(now - last, planned: limit.tailSeconds, isTogether: keptEnd == nil)
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

  private var halves: [PassProgress.Part: Halves] = [:]
  /// What follows the last layer, where all went through the layers together: logits and sampling.
  private(set) var tail = 1.0
  /// What follows the chunks, where they came last: sampling.
  private(set) var finish = 0.5

  private static let memory = 0.9
  /// What takes more than so many times the usual was held up.
  private static let longest = 1.5
  private static let range = 0.02...10

  subscript(part: PassProgress.Part) -> Halves { halves[part, default: Halves()] }

  mutating func learn(_ seconds: Double, of half: Int, _ part: PassProgress.Part, planned: Double) {
    let level = self[part].levels[half % 2]
    halves[part, default: Halves()].levels[half % 2] = Self.level(level, seconds, planned)
  }

  mutating func learnEnd(_ seconds: Double, planned: Double, isTogether: Bool) {
    if isTogether {
      tail = Self.level(tail, seconds, planned)
    } else {
      finish = Self.level(finish, seconds, planned)
    }
  }

  private static func level(_ level: Double, _ seconds: Double, _ planned: Double) -> Double {
    guard planned > 0 else { return level }
    let seen = min(seconds / planned, longest * level)
    return min(range.upperBound, max(range.lowerBound, memory * level + (1 - memory) * seen))
  }
}
