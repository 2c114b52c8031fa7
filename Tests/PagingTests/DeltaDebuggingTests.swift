import ModelContests
import Testing

@Suite struct DeltaDebuggingTests {
  @Test func onlyWhatTheFailureNeedsIsLeft() {
    let shortest = minimised(Array(0..<1000)) { list in
      guard let seven = list.firstIndex(of: 7), let later = list.firstIndex(of: 903) else { return false }
      return seven < later && list.contains(500)
    }
    #expect(shortest == [7, 500, 903])
  }

  @Test func aFailureThatNeedsNothingLeavesNothing() {
    #expect(minimised([1, 2, 3]) { _ in true } == [])
    #expect(minimised([1, 2, 3]) { $0.count == 3 } == [1, 2, 3])
  }
}
