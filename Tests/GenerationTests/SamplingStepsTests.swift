import Glibc
import Scheduling
import Testing

@testable import Generation

/// A small generator, so that a failing case can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite struct SamplingStepsTests {
  private func withRow<R>(_ values: [Float], _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> ([Float], R) {
    var values = values
    let result = values.withUnsafeMutableBufferPointer { body($0) }
    return (values, result)
  }

  @Test(arguments: 0..<30 as Range<UInt64>)
  func biasAndPenaltiesAgreeWithTheirFormulaAfterEveryToken(seed: UInt64) {
    var random = SeededGenerator(state: seed)
    let vocabulary = 50
    func token() -> Int32 { Int32.random(in: 0..<Int32(vocabulary), using: &random) }
    var sampling = SamplingParameters()
    if Bool.random(using: &random) { sampling.repetitionPenalty = Float.random(in: 0.5...2, using: &random) }
    if Bool.random(using: &random) { sampling.presencePenalty = Float.random(in: -2...2, using: &random) }
    if Bool.random(using: &random) { sampling.frequencyPenalty = Float.random(in: -2...2, using: &random) }
    for _ in 0..<Int.random(in: 0...5, using: &random) {
      sampling.logitBias[token()] = Float.random(in: -100...100, using: &random)
    }
    let prompt = (0..<20).map { _ in token() }
    var output: [Int32] = []
    var processor = LogitsProcessor(sampling, prompt: prompt)
    for _ in 0..<40 {
      let row = (0..<vocabulary).map { _ in Float.random(in: -10...10, using: &random) }
      let (found, _) = withRow(row) { processor.apply(to: $0) }
      for index in 0..<vocabulary {
        let id = Int32(index)
        let times = Float(output.count { $0 == id })
        var expected = row[index] + (sampling.logitBias[id] ?? 0)
        if prompt.contains(id) || times > 0 {
          expected = expected > 0 ? expected / sampling.repetitionPenalty : expected * sampling.repetitionPenalty
        }
        if times > 0 { expected -= sampling.presencePenalty + sampling.frequencyPenalty * times }
        #expect(found[index] == expected, "seed \(seed), token \(index) after \(output)")
      }
      output.append(token())
      processor.append(output[output.count - 1])
    }
  }

  @Test func neutralParametersLeaveTheLogitsAlone() {
    var processor = LogitsProcessor(SamplingParameters(), prompt: [0, 1])
    processor.append(1)
    let (found, _) = withRow([1, -2, 3]) { processor.apply(to: $0) }
    #expect(found == [1, -2, 3])
  }

  @Test func anythingThatIsNotANumberIsSeenWhereverItIs() {
    for count in [1, 15, 16, 17, 33, 100] {
      let numbers = (0..<count).map { Float($0) * 1e36 * ($0 % 2 == 0 ? 1 : -1) }
      #expect(withRow(numbers) { LogitsRow.isFinite($0) }.1)
      for place in 0..<count {
        for bad in [Float.nan, .infinity, -.infinity] {
          var values = numbers
          values[place] = bad
          #expect(!withRow(values) { LogitsRow.isFinite($0) }.1, "\(bad) at \(place) of \(count)")
        }
      }
    }
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func theLargestLogitsComeInOrderAndEqualOnesByToken(seed: UInt64) {
    var random = SeededGenerator(state: seed)
    let values = (0..<200).map { _ in Float(Int.random(in: -20...20, using: &random)) }
    let sorted = values.indices.sorted { (values[$0], $1) > (values[$1], $0) }
    for count in [0, 1, 5, 128, 200, 300] {
      let (_, found) = withRow(values) { LogitsRow.largest(count, of: $0) }
      #expect(found.map { Int($0.token) } == Array(sorted.prefix(count)))
      #expect(found.allSatisfy { $0.logit == values[Int($0.token)] })
    }
  }

  @Test func probabilitiesSumToOneAlsoForLargeLogits() {
    for scale in [Float(0), 1, 50, 1e30] {
      let values = (0..<100).map { Float($0) / 100 * scale }
      let (_, normaliser) = withRow(values) { LogitsRow.logSumExp($0) }
      let sum = values.reduce(0.0) { $0 + exp(Double($1) - Double(normaliser)) }
      #expect(abs(sum - 1) < 1e-4, "scale \(scale)")
    }
  }

  @Test func drawsAreAFunctionOfSeedAndIndexAndEvenlySpread() {
    var counts = [Int](repeating: 0, count: 16)
    var all: Set<Float> = []
    for seed in 0..<50 as Range<UInt64> {
      let draws = UniformDraws(seed: seed)
      for index in 0..<200 {
        let value = draws.uniform(at: index)
        #expect(value >= 0 && value < 1 && value == UniformDraws(seed: seed).uniform(at: index))
        counts[Int(value * 16)] += 1
        all.insert(value)
      }
    }
    // 10,000 draws in 16 bins: 625 each, standard deviation 24.
    #expect(counts.allSatisfy { abs($0 - 625) < 120 }, "\(counts)")
    #expect(all.count > 9980)
    // Seeds that differ by the generator's increment do not give shifted copies of one stream.
    let (a, b) = (UniformDraws(seed: 1), UniformDraws(seed: 1 &+ 0x9E37_79B9_7F4A_7C15))
    #expect((0..<20).allSatisfy { a.uniform(at: $0 + 1) != b.uniform(at: $0) })
  }
}
