/// How much of the target steps with a limit may take, so that one of 400 exceeds it: what holds steps up when it is too late
/// to leave chunks out differs between machines, and from hour to hour.
///
/// A late step delays a token of every stream: with one of 200, a hundred steps often have two late ones, and one of 100
/// tokens is late. Followed step by step (Robbins & Monro 1951).
struct StepMargin: Sendable {
  private var margin = 0.05

  private static let range = 0.01...0.2
  /// What a late step adds.
  private static let gain = 0.012
  /// The part of steps that may be late; each other step takes that part of `gain`.
  private static let lateSteps = 1.0 / 400

  /// The part of the target that is left.
  var part: Double { 1 - margin }
  /// The same where little is at stake: half of the margin.
  var lastPart: Double { 1 - margin / 2 }

  mutating func observe(isLate: Bool) {
    margin = min(Self.range.upperBound, max(Self.range.lowerBound, margin + Self.gain * (isLate ? 1 : -Self.lateSteps)))
  }
}
