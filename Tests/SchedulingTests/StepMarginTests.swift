import ModelContests
import Testing

@testable import Scheduling

@Suite struct StepMarginTests {
  /// Steps that exceed the part of the target that they were given by up to 6 %, seldom by most of that.
  @Test func oneStepOfFourHundredIsLate() {
    var random = SeededRandom(seed: 5)
    var margin = StepMargin(), late = 0
    for step in 0..<30_000 {
      let surprise = 0.06 * Double.random(in: 0..<1, using: &random) * Double.random(in: 0..<1, using: &random)
      let isLate = margin.part * (1 + surprise) > 1
      if step >= 10_000, isLate { late += 1 }
      margin.observe(isLate: isLate)
    }
    #expect((30...70).contains(late), "\(late) of 20000")
    #expect((0.93..<0.97).contains(margin.part) && margin.part..<1 ~= margin.lastPart)
  }

  @Test func howeverManyAreLateTheMarginHasAnEnd() {
    var margin = StepMargin()
    for _ in 0..<1000 { margin.observe(isLate: true) }
    #expect(margin.part > 0.75)
    for _ in 0..<100_000 { margin.observe(isLate: false) }
    #expect((0.95..<1).contains(margin.part))
  }
}
