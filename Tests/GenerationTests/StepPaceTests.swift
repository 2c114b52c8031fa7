import Models
import Scheduling
import Synchronization
import Testing

@testable import Generation

@Suite struct StepPaceTests {
  /// A clock that a test moves.
  private final class Clock: Sendable {
    private let seconds = Mutex(0.0)
    var now: Double { seconds.withLock { $0 } }
    func pass(_ milliseconds: Double) { seconds.withLock { $0 += milliseconds / 1000 } }
  }

  /// What became of a step; times in ms.
  private struct Outcome {
    var shedAfter: Int?, wasForced: Bool, total: Double, whole: Double?
    var levels = PassLevels()
  }

  private static let halves = 40

  /// A step with a limit of 50 ms, 51 if its chunks end in it. Without them it is planned to take 16 ms, 2 of them behind
  /// the layers; halves then take 0.3 and 0.4 ms.
  /// - whole: what it is planned to take with them. first: where they come in.
  /// - half: what a half takes with them.
  private func step(
    whole: Double, first: Int = 0, levels: PassLevels = PassLevels(), keptFactor: Double = 1, half: (Int) -> Double
  ) -> Outcome {
    let limit = StepLimit(
      seconds: 0.05, lastSeconds: 0.051, wholeSeconds: whole / 1000, keptSeconds: 0.016, tailSeconds: 0.002,
      leastPart: 0.1, kept: 8)
    let clock = Clock(), pace = StepPace(limit, start: clock.now, levels, clock: { clock.now })
    var due: [Int] = []
    for number in 0..<Self.halves {
      let isWhole = number >= first && due.isEmpty
      clock.pass(isWhole ? half(number) : keptFactor * (number % 2 == 0 ? 0.3 : 0.4))
      if pace.isDue(PassProgress(done: number + 1, of: Self.halves, isWhole: isWhole)) { due.append(number + 1) }
    }
    clock.pass(2 * keptFactor)
    #expect(due.count <= 1 && due.first == pace.shedAfter && due.isEmpty == (pace.wholeSeconds == nil))
    return Outcome(
      shedAfter: due.first, wasForced: pace.wasForced, total: clock.now * 1000,
      whole: pace.wholeSeconds.map { $0 * 1000 }, levels: pace.end(at: clock.now))
  }

  @Test func aStepThatGoesAsPlannedIsWhole() {
    #expect(step(whole: 46) { _ in 1.1 }.shedAfter == nil)
    #expect(step(whole: 46) { $0 % 2 == 0 ? 1.5 : 0.7 }.shedAfter == nil)
    #expect(step(whole: 46) { $0 < 10 ? 1.3 : 1.1 }.shedAfter == nil, "a slow beginning within what is left")
    #expect(step(whole: 46) { $0 == 20 ? 3.9 : 1.1 }.shedAfter == nil, "a stall within what is left")
  }

  /// A chunk of several steps leaves when its next half would make the step late, wherever it came in.
  @Test(arguments: [0, 1, 9, 20, 24])
  func aStepIsFilledToItsLimit(first: Int) throws {
    // The plan does not know that attention takes longer than what follows it; the steps before have shown it.
    func half(_ number: Int) -> Double { number % 2 == 0 ? 4 : 2 }
    var levels = PassLevels()
    for _ in 0..<3 { levels = step(whole: 122, levels: levels, half: half).levels }
    let filled = step(whole: 122, first: first, levels: levels, half: half)
    let (shedAfter, whole) = (try #require(filled.shedAfter), try #require(filled.whole))
    #expect(shedAfter > first && filled.total <= 50 && filled.total > 46, "\(filled)")
    #expect((115..<130).contains(whole))
  }

  @Test(arguments: [0, 1, 4, 7])
  func aStallWhileTheChunkIsInDelaysNobody(at stall: Int) throws {
    let held = step(whole: 122) { $0 == stall ? 10 : 3 }
    #expect(held.shedAfter != nil && held.total <= 50.5 && held.total > 45, "\(held)")
  }

  @Test func aSlowMachineIsSeen() throws {
    let slow = step(whole: 46, keptFactor: 1.3) { _ in 1.5 }
    #expect(slow.shedAfter != nil && slow.total < 52)
    // The next steps know what follows the chunk.
    var levels = slow.levels
    for _ in 0..<5 { levels = step(whole: 46, levels: levels, keptFactor: 1.3) { _ in 1.5 }.levels }
    let next = step(whole: 46, levels: levels, keptFactor: 1.3) { _ in 1.5 }
    #expect(next.shedAfter != nil && next.total < 50.3, "\(next)")
  }

  @Test func aLastHalfMayTakeALittleLonger() {
    #expect(step(whole: 122, first: 28) { _ in 3.2 }.shedAfter == nil, "50.2 ms to the end of the chunk")
    #expect(step(whole: 122, first: 26) { _ in 3.2 }.shedAfter != nil)
  }

  /// However late it is, it has not been for nothing.
  @Test func aChunkIsInAPartOfTheLayersAtLeast() {
    let late = step(whole: 122) { $0 == 0 ? 60 : 3 }
    #expect(late.shedAfter == 4 && late.wasForced)
    let inTime = step(whole: 122) { _ in 3 }
    #expect(inTime.shedAfter != nil && !inTime.wasForced)
    #expect(step(whole: 122, first: 38) { _ in 60 }.shedAfter == nil)
  }
}
