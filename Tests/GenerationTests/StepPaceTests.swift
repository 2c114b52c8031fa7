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
    var shedAfter: Double?, wasForced: Bool, total: Double, whole: Double?
    var levels = PassLevels()
    /// The rows of the chunk in each half or part of one that it was in by itself.
    var parts: [Int] = []
  }

  private static let halves = 40, rows = 120

  /// A step with a limit of 50 ms, 51 if its chunks end in it. Without them it is planned to take 16 ms, 2 of them behind
  /// the layers; halves then take 0.3 and 0.4 ms. The chunk has 120 rows.
  /// - whole: what it is planned to take with them; above 50 the chunk comes last. kept: what without.
  /// - behind: how far the chunk is, in halves. leastPart: how far it must come.
  /// - half: what a half takes with the chunk, or the chunk by itself; by how many it was in before in this step.
  private func step(
    whole: Double, behind: Double = 0, levels: PassLevels = PassLevels(), keptFactor: Double = 1,
    kept: Double = 16, leastPart: Double = 0.05, half: (Int) -> Double
  ) -> Outcome {
    let limit = StepLimit(
      seconds: 0.05, lastSeconds: 0.051, wholeSeconds: whole / 1000, keptSeconds: kept / 1000, tailSeconds: 0.002,
      leastPart: leastPart, kept: 8)
    let clock = Clock(), pace = StepPace(limit, start: clock.now, levels, clock: { clock.now })
    var isTogether = limit.isTogether, parts: [Int] = []
    var done = Int(behind), ahead = Int((behind - behind.rounded(.down)) * Double(Self.rows))
    for number in 0..<Self.halves {
      clock.pass(isTogether ? half(number) : keptFactor * (number % 2 == 0 ? 0.3 : 0.4))
      let progress = PassProgress(
        isTogether ? .together : .kept, done: number + 1, of: Self.halves, rows: Self.rows)
      let room = pace.room(progress)
      #expect(room == Self.rows || isTogether && room == 0)
      if isTogether, room == 0 { (isTogether, done) = (false, number + 1) }
    }
    if !isTogether {
      clock.pass(keptFactor)  // logits
      while true {
        let room = pace.room(PassProgress(.others, done: done, of: Self.halves, rows: Self.rows, ahead: ahead))
        if done == Self.halves || room == 0 { break }
        #expect(room <= Self.rows - ahead)
        clock.pass(half(parts.count) * Double(room) / Double(Self.rows))
        parts.append(room)
        (done, ahead) = ahead + room == Self.rows ? (done + 1, 0) : (done, ahead + room)
      }
    }
    clock.pass(keptFactor * (isTogether ? 2 : 1))
    let way = (Double(done) + Double(ahead) / Double(Self.rows)) / Double(Self.halves)
    #expect(isTogether || (done < Self.halves) == (pace.shedAfter != nil))
    #expect(pace.shedAfter == nil || pace.shedAfter == way && pace.wholeSeconds != nil)
    return Outcome(
      shedAfter: pace.shedAfter, wasForced: pace.wasForced, total: clock.now * 1000,
      whole: pace.wholeSeconds.map { $0 * 1000 }, levels: pace.end(at: clock.now), parts: parts)
  }

  @Test func aStepThatGoesAsPlannedIsWhole() {
    for outcome in [
      step(whole: 46) { _ in 1.1 }, step(whole: 46) { $0 % 2 == 0 ? 1.5 : 0.7 },
      step(whole: 46) { $0 < 10 ? 1.3 : 1.1 }, step(whole: 46) { $0 == 20 ? 3.9 : 1.1 },
    ] {
      #expect(outcome.shedAfter == nil && outcome.whole == nil && outcome.parts.isEmpty)
    }
  }

  /// A chunk of several steps fills what those who decode leave, to a few rows; wherever it is.
  @Test(arguments: [0, 1, 9.5, 20, 24.8])
  func aStepIsFilledToItsLimit(behind: Double) throws {
    // The plan does not know that attention takes longer than what follows it; the steps before have shown it.
    var levels = PassLevels()
    for _ in 0..<4 { levels = step(whole: 136, levels: levels) { _ in 3.1 }.levels }
    let filled = step(whole: 136, behind: behind, levels: levels) { _ in 3.1 }
    let (shedAfter, whole) = (try #require(filled.shedAfter), try #require(filled.whole))
    #expect(shedAfter * 40 > behind + 9 && filled.total <= 50.2 && filled.total > 48.5, "\(filled)")
    #expect((125..<150).contains(whole) && !filled.wasForced)
    #expect(filled.parts.allSatisfy { $0 >= 24 } && filled.parts.last != Self.rows, "\(filled.parts)")
  }

  /// What those who decode take is known before the chunk begins, and what holds the chunk up is seen in time.
  @Test(arguments: [0, 1, 4, 7])
  func aStallDelaysNobody(at stall: Int) throws {
    let held = step(whole: 136) { $0 == stall ? 9 : 3 }
    #expect(held.shedAfter != nil && held.total <= 51 && held.total > 47, "\(held)")
    let slow = step(whole: 136, keptFactor: 2) { _ in 3 }
    #expect(slow.shedAfter != nil && slow.total <= 51.2 && slow.total > 47, "\(slow)")
  }

  @Test func aSlowMachineIsSeen() throws {
    let slow = step(whole: 46, keptFactor: 1.3) { _ in 1.5 }
    #expect(slow.shedAfter != nil && slow.total < 52)
    // The next steps know what follows the chunk.
    var levels = slow.levels
    for _ in 0..<5 { levels = step(whole: 46, levels: levels, keptFactor: 1.3) { _ in 1.5 }.levels }
    let next = step(whole: 46, levels: levels, keptFactor: 1.3) { _ in 1.5 }
    #expect(next.shedAfter != nil && next.total < 51, "\(next)")
  }

  @Test func aChunkThatIsLeftOutGoesOnWhereThereIsTimeAfterAll() {
    // Late in the middle of the layers; those who decode are then faster than they were.
    let late = step(whole: 46, keptFactor: 0.2) { $0 == 12 ? 30 : 1.1 }
    #expect(late.shedAfter != nil && !late.parts.isEmpty && late.total < 51 && late.total > 47, "\(late)")
  }

  @Test func aLastHalfMayTakeALittleLonger() {
    var levels = PassLevels()
    for _ in 0..<4 { levels = step(whole: 136, levels: levels) { _ in 3 }.levels }
    #expect(step(whole: 136, behind: 28.8, levels: levels) { _ in 3 }.shedAfter == nil, "50.6 ms to the chunk's end")
    #expect(step(whole: 136, behind: 28.2, levels: levels) { _ in 3 }.shedAfter != nil)
  }

  /// However late it is, a chunk comes as far as it must, and some rows further in any case.
  @Test func aChunkComesToItsEndHoweverLateItIs() throws {
    let late = step(whole: 136, keptFactor: 5) { _ in 3 }
    #expect(late.wasForced && late.parts.reduce(0, +) == 2 * Self.rows, "\(late.parts)")
    let free = step(whole: 136, keptFactor: 5, leastPart: 0) { _ in 3 }
    #expect(free.wasForced && free.parts == [24])
    #expect(step(whole: 136, behind: 39, keptFactor: 5) { _ in 60 }.shedAfter == nil)
    let costsNothing = step(whole: 60, keptFactor: 5, kept: 60) { _ in 3 }
    #expect(costsNothing.wasForced && costsNothing.parts.reduce(0, +) == 2 * Self.rows)
    let together = step(whole: 46) { $0 == 0 ? 60 : 1 }
    #expect(together.wasForced && together.parts.isEmpty && together.shedAfter == 0.05)
  }
}
