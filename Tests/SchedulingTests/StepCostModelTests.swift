import ModelContests
import Scheduling
import Testing

@Suite struct StepCostModelTests {
  private let real = StepCosts(fixed: 4e-3, perToken: 7e-4, perPair: 4e-7, perRow: 2e-4)

  private func decode(_ streams: Int, context: Int) -> StepShape {
    var shape = StepShape()
    for _ in 0..<streams { shape.add(count: 1, after: context, rows: 1) }
    return shape
  }
  private func prompt(_ count: Int, after start: Int) -> StepShape {
    var shape = StepShape()
    shape.add(count: count, after: start, rows: 0)
    return shape
  }

  /// Mixed steps, as a server sees them.
  private func steps(_ count: Int, using random: inout SeededRandom) -> [StepShape] {
    (0..<count).map { _ in
      var shape = decode(Int.random(in: 0...16, using: &random), context: Int.random(in: 10...3000, using: &random))
      if shape.tokens == 0 || Bool.random(using: &random) {
        shape.add(
          count: Int.random(in: 1...256, using: &random), after: Int.random(in: 0...4000, using: &random), rows: 1)
      }
      return shape
    }
  }

  @Test(arguments: [1e-3, 0.3, 1, 40, 1000], 0..<4 as Range<UInt64>)
  func learnsWhatStepsCostWhateverTheFirstGuessWas(factor: Double, seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var model = StepCostModel(
      prior: StepCosts(
        fixed: 5e-3 * factor, perToken: 1e-3 * factor, perPair: 5e-7 * factor, perRow: 2e-4 * factor))
    for shape in steps(300, using: &random) {
      // Every twentieth step is held up by something else.
      let delay = Int.random(in: 0..<20, using: &random) == 0 ? 3.0 : 1
      model.observe(shape, seconds: real.seconds(shape) * delay * Double.random(in: 0.97...1.03, using: &random))
    }
    for shape in steps(50, using: &random) {
      let ratio = model.costs.seconds(shape) / real.seconds(shape)
      #expect((0.75...1.35).contains(ratio), "\(shape): \(ratio)")
      #expect(model.upperBound(shape) >= real.seconds(shape) * 0.95)
    }
  }

  @Test func hoursOfDecodingDoNotWearAwayWhatIsKnownOfPrompts() {
    var random = SeededRandom(seed: 1)
    var model = StepCostModel(prior: StepCostModel.roughPrior)
    for shape in steps(200, using: &random) { model.observe(shape, seconds: real.seconds(shape)) }
    for index in 0..<20_000 {
      let shape = decode(8, context: 100 + index % 1000)
      model.observe(shape, seconds: real.seconds(shape))
    }
    let shape = prompt(256, after: 1000)
    #expect((0.8...1.25).contains(model.costs.seconds(shape) / real.seconds(shape)))
  }

  @Test func aSlowSpellIsFollowedWithinAFewStepsAndForgottenAsSoon() {
    var random = SeededRandom(seed: 3)
    var model = StepCostModel(prior: StepCostModel.roughPrior)
    for shape in steps(300, using: &random) { model.observe(shape, seconds: real.seconds(shape)) }
    func observe(_ count: Int, slower factor: Double) -> [Double] {
      (0..<count).map { _ in
        let shape = prompt(40, after: 1000), seconds = real.seconds(shape) * factor
        let noisy = seconds * Double.random(in: 0.98...1.02, using: &random)
        defer { model.observe(shape, seconds: noisy) }
        return model.upperBound(shape) / noisy
      }
    }
    _ = observe(60, slower: 1)
    #expect(observe(20, slower: 1.5).dropFirst(4).allSatisfy { $0 >= 1 })
    // Of the spell the caution is left, for a while.
    #expect(observe(60, slower: 1).dropFirst(10).allSatisfy { $0 < 1.5 })
    #expect(observe(60, slower: 1).allSatisfy { (1..<1.25).contains($0) })
  }

  /// Late steps of these shed: what they are planned by follows what most of them take, and no stalls.
  @Test func stepsThatCanShedAreBoundedByWhatMostTake() {
    var random = SeededRandom(seed: 4)
    var model = StepCostModel(prior: StepCostModel.roughPrior)
    for shape in steps(300, using: &random) { model.observe(shape, seconds: real.seconds(shape)) }
    let shape = prompt(40, after: 1000)
    /// How much of the bound steps take that are not held up, and how many exceed it.
    func observe(_ count: Int, slower factor: Double) -> (part: Double, late: Int) {
      var (sum, late) = (0.0, 0)
      for number in 0..<count {
        let seconds = real.seconds(shape) * factor * Double.random(in: 0.96...1.04, using: &random)
        let bound = model.upperBound(shape, canShed: true), isHeldUp = number % 12 == 5
        sum += seconds / bound / Double(count)
        if seconds > bound { late += 1 }
        model.observe(shape, seconds: isHeldUp ? seconds * 1.4 : seconds, canShed: true)
      }
      return (sum, late)
    }
    _ = observe(60, slower: 1)
    let (part, late) = observe(200, slower: 1)
    #expect((0.9..<1).contains(part) && late < 40, "\(part), \(late)")
    #expect(model.upperBound(shape) > 1.1 * model.upperBound(shape, canShed: true), "the stalls count elsewhere")
    // A slower machine is followed within a few steps.
    #expect(observe(20, slower: 1.3).late < 14)
    #expect(observe(40, slower: 1.3).late < 10)
  }

  /// A step that seemed to take too long, once, must be tried again some day.
  @Test func whatShortStepsTakeIsLearnedForLongOnesToo() {
    var model = StepCostModel(prior: StepCostModel.roughPrior)
    for _ in 0..<100 { model.observe(prompt(40, after: 0), seconds: 31e-3) }
    for count in 40...60 { model.observe(prompt(count, after: 0), seconds: 90e-3 * Double(count) / 40) }
    let before = model.upperBound(prompt(60, after: 0))
    for _ in 0..<200 { model.observe(prompt(40, after: 0), seconds: 31e-3) }
    #expect(model.upperBound(prompt(60, after: 0)) < 0.6 * before)
  }

  @Test func stepsThatCannotBeAreNotLearnedFrom() {
    var model = StepCostModel(prior: StepCostModel.roughPrior)
    for seconds in [0, -1, .nan, .infinity] { model.observe(prompt(8, after: 0), seconds: seconds) }
    model.observe(StepShape(), seconds: 1)
    #expect(model.costs == StepCostModel.roughPrior)
  }

  /// Runs eight streams and a long prompt on a clock that the real costs move.
  @Test(arguments: [0.03, 0.05, 0.1])
  func promptsAreCutSoThatNobodyWaitsLongerThanTheTarget(target: Double) throws {
    let driver = SchedulerDriver(
      try SchedulerConfiguration(
        pageSize: 16, pageCount: 1000, contextLength: 8000, vocabularySize: NullModel.vocabularySize,
        maxBatchTokens: 256, maxRunning: 16, prefixCaching: false, interTokenTarget: target))
    driver.costs = real
    let prompts = (0..<8).map { tokens(20 + $0, $0) }
    let streams = try prompts.map { try driver.submit($0, maxTokens: 400) }
    for _ in 0..<40 { _ = try driver.step() }
    let long = try driver.submit(tokens(3000, 77), maxTokens: 1)
    var chunks: [Int] = []
    var late = 0
    while driver.last[long]?.finish == nil {
      let batch = try #require(try driver.step())
      #expect(batch.sequences.count { $0.tokens.count == 1 } >= 8, "every stream gets a token in each step")
      if let chunk = batch.sequences.first(where: { $0.handle == long })?.tokens.count { chunks.append(chunk) }
      if real.seconds(batch.shape) > target * 1.02 { late += 1 }
    }
    #expect(late * 100 <= chunks.count, "\(late) of \(chunks.count) steps were late")
    #expect(chunks.max() ?? 0 < 256 && chunks.dropLast().min() ?? 0 >= 4)
    // The time that there is, is used: the median step comes near the target.
    #expect(chunks[chunks.count / 2] > 8, "\(chunks)")
    for handle in streams { _ = driver.scheduler.cancel(handle) }
    // Alone, a prompt gets whole steps.
    let alone = try driver.submit(tokens(1000, 78), maxTokens: 1)
    let batch = try #require(try driver.step())
    #expect(batch.sequences.first { $0.handle == alone }?.tokens.count == 256)
  }
}
