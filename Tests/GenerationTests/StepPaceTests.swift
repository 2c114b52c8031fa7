import Scheduling
import Synchronization
import Testing

@testable import Generation

@Suite struct StepPaceTests {
  /// A clock that a test moves.
  private final class Clock: Sendable {
    private let seconds = Mutex(0.0)
    var now: Double { seconds.withLock { $0 } }
    func pass(_ more: Double) { seconds.withLock { $0 += more } }
  }

  /// A step of 20 layers that is planned to take 46 ms, 2 of them behind the layers, of 50.
  /// - layers: what each takes in ms.
  /// - Returns: the layer after which it sheds, and what it would have taken.
  private func shedding(keptPart: Double = 0.3, layers: (Int) -> Double) -> (layer: Int, milliseconds: Double)? {
    let limit = StepLimit(
      seconds: 0.05, expectedSeconds: 0.046, tailSeconds: 0.002, kept: 8, keptPart: keptPart)
    let clock = Clock(), pace = StepPace(limit, start: clock.now, clock: { clock.now })
    var due: [Int] = []
    for layer in 1...20 {
      clock.pass(layers(layer) / 1000)
      if pace.isLate(after: layer, of: 20) { due.append(layer) }
    }
    #expect(due.count <= 1 && (due.isEmpty == (pace.wholeSeconds == nil)))
    return due.first.map { ($0, (pace.wholeSeconds ?? 0) * 1000) }
  }

  @Test func aStepThatGoesAsPlannedIsWhole() {
    #expect(shedding { _ in 2.2 } == nil)
    #expect(shedding { $0 % 2 == 0 ? 2.4 : 2.1 } == nil)
    #expect(shedding { $0 < 5 ? 2.6 : 2.2 } == nil, "a slow beginning within what is left")
  }

  @Test(arguments: [1, 4, 9, 13])
  func aStallShedsAtOnce(at stall: Int) throws {
    let shed = try #require(shedding { $0 == stall ? 10.2 : 2.2 })
    #expect(shed.layer == stall && (52...57).contains(shed.milliseconds), "\(shed)")
  }

  @Test func aSlowMachineIsSeenEarly() throws {
    let shed = try #require(shedding { _ in 3.3 })
    #expect((2...10).contains(shed.layer) && (52...68).contains(shed.milliseconds), "\(shed)")
  }

  @Test func aStepThatSheddingDoesNotSaveIsWhole() {
    #expect(shedding { $0 == 19 ? 12 : 2.2 } == nil)
    #expect(shedding(keptPart: 0.99) { $0 == 12 ? 12 : 2.2 } == nil)
    // Early it sheds all the same, to be less late.
    #expect(shedding { $0 == 2 ? 90 : 2.2 }?.layer == 2)
  }
}
