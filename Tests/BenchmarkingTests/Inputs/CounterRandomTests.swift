import Tensors
import Testing

@testable import Benchmarking

/// The numbers that every language must make, computed in Python from the formulas that `CounterRandom` states.
struct CounterRandomTests {
  struct Case: Sendable {
    let seed: UInt64, name: String, position: Int, bits: UInt64, uniform: Double, normal: Double, belowThousand: Int
    init(
      _ seed: UInt64, _ name: String, _ position: Int, _ bits: UInt64, _ uniform: Double, _ normal: Double, _ below: Int
    ) {
      (self.seed, self.name, self.position, self.bits) = (seed, name, position, bits)
      (self.uniform, self.normal, belowThousand) = (uniform, normal, below)
    }
  }

  static let cases = [
    Case(0x0, "", 0, 0xC381_7C01_6BA4_FF30, 0.7636945247650146, 1.1525157690048218, 763),
    Case(0x0, "", 1, 0x100C_DAAC_C0BC_9316, 0.06269609928131104, 0.4231811463832855, 62),
    Case(0x0, "", 1_000_003, 0xF294_E3C5_A1FF_57F5, 0.947584331035614, 1.409379243850708, 947),
    Case(0x1, "q", 0, 0x492B_9845_9E2F_8062, 0.28582143783569336, 7.928699778858572e-05, 285),
    Case(0x1, "q", 1, 0x1B72_BCF4_0B3A_3053, 0.10721945762634277, -1.5970251560211182, 107),
    Case(0x1, "q", 1_000_003, 0x2CF5_CF0A_8C2C_B7A9, 0.175625741481781, 0.4319027066230774, 175),
    Case(0xDEAD_BEEF_CAFE_F00D, "k_cache", 0, 0x12F8_A639_ED44_87F1, 0.07410657405853271, 0.3139764964580536, 74),
    Case(0xDEAD_BEEF_CAFE_F00D, "k_cache", 1, 0xBFCE_4D35_6BE8_BB05, 0.7492416501045227, 0.3514528274536133, 749),
    Case(0x2A, "gewicht-ß", 0, 0xF9A5_6A6F_8697_3255, 0.9751802682876587, 0.19626174867153168, 975),
    Case(0x2A, "gewicht-ß", 1_000_003, 0xD1C0_6BF7_D0C8_30CA, 0.819342315196991, 0.42822906374931335, 819),
  ]

  @Test("numbers are those of the formulas, bit by bit", arguments: cases)
  func matchesFormulas(_ expected: Case) {
    let random = CounterRandom(seed: expected.seed, name: expected.name)
    #expect(random.bits(expected.position) == expected.bits)
    #expect(Double(random.uniform(expected.position)) == expected.uniform)
    #expect(random.normal(expected.position) == Float(expected.normal))
    #expect(random.below(1000, expected.position) == expected.belowThousand)
  }

  @Test func `normal numbers have mean 0 and deviation 1, uniform ones fill 0 to 1`() {
    let random = CounterRandom(seed: 7, name: "x"), n = 100_000
    let normal = (0..<n).map { Double(random.normal($0)) }, uniform = (0..<n).map { Double(random.uniform($0)) }
    #expect(abs(normal.reduce(0, +) / Double(n)) < 0.02)
    #expect(abs(normal.map { $0 * $0 }.reduce(0, +) / Double(n) - 1) < 0.02)
    #expect(abs(uniform.reduce(0, +) / Double(n) - 0.5) < 0.01)
    #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
  }

  @Test func `large float16 tensors hold what small ones do`() {
    let random = CounterRandom(seed: 7, name: "x"), large = Tensor(.float16, [(1 << 20) + 1]),
      small = Tensor(.float16, [1000])
    FloatFilling.normal(large, random, scale: 0.5)
    FloatFilling.normal(small, random, scale: 0.5)
    #expect((0..<1000).allSatisfy { large.bits(at: $0) == small.bits(at: $0) })
    #expect(small.floats[7] == Float(Float16(0.5 * random.normal(7))))
    // Compared through a table as well.
    var other = OutputComparison("o", large, large, OutputRule(.ulps(0), nonFinite: .refused))
    #expect(other.isPassed)
    let copy = Tensor(.float16, large.shape)
    FloatFilling.normal(copy, random, scale: 0.5)
    copy.setBits(DType.float16.encode(1.25), at: 1 << 20)
    other = OutputComparison("o", copy, large, OutputRule(.exact))
    #expect(!other.isPassed && other.worst?.hasPrefix("o[1048576] is 1.25, ") == true)
  }

  @Test func `a permutation holds every number once`() {
    #expect(CounterRandom(seed: 3, name: "p").permutation(257).sorted() == Array(0..<257))
    #expect(CounterRandom(seed: 3, name: "p").permutation(0) == [])
  }
}
