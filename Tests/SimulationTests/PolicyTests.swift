import Paging
import Scheduling
import Simulation
import Testing

@Suite struct PolicyTests {
  /// A second for each token: what a request waits for can be read off.
  private let costs = StepCosts(fixed: 0, perToken: 1, perPair: 0, perRow: 0)

  private func medianTTFT(_ lines: [String], _ queue: QueuePolicy) throws -> Double? {
    let one = try configuration(batch: 64, running: 1, queue: queue)
    return Simulator(try traffic(lines), costs: costs).run(one).timeToFirstToken?.p50
  }

  @Test func theLongestPrefixGoesFirstUnderLPM() throws {
    // The third finds the first's block; the second finds nothing and is long.
    let lines = [
      line(at: 0, input: 8, output: 1, ids: [1]), line(at: 0, input: 64, output: 1, ids: Array(20..<28)),
      line(at: 0, input: 16, output: 1, ids: [1, 3]),
    ]
    #expect(try medianTTFT(lines, .firstComeFirstServed) == 72)
    #expect(try medianTTFT(lines, .longestPrefixMatch) == 16)
  }

  @Test func theHeavierBranchGoesFirstUnderDFSWeight() throws {
    let lines = [
      line(at: 0, input: 8, output: 1, ids: [1]), line(at: 0, input: 8, output: 1, ids: [2]),
      line(at: 9000, input: 40, output: 1, ids: [2, 5, 50, 51, 52]), line(at: 9000, input: 16, output: 1, ids: [1, 6]),
      line(at: 9000, input: 16, output: 1, ids: [1, 7]),
    ]
    // First tokens at 8, 16, and then 48, 56, 64, or 24, 32, 64.
    #expect(try medianTTFT(lines, .firstComeFirstServed) == 48 - 9)
    #expect(try medianTTFT(lines, .depthFirstWeight) == 16)
  }

  @Test func theHighestPriorityGoesFirstUnderPriority() throws {
    let lines = [
      line(at: 0, input: 8, output: 1), line(at: 0, input: 64, output: 1),
      line(at: 0, input: 16, output: 1, #", "priority": 5"#),
    ]
    #expect(try medianTTFT(lines, .firstComeFirstServed) == 72)
    #expect(try medianTTFT(lines, .priority) == 24, "16 for the one of priority, then 8 for the first")
  }

  @Test func whatIsOftenUsedStaysUnderLFU() throws {
    // Room for three prompts. Block 1 is used twice; then 2, 3 and 4 come, and then 1 again.
    let ids = [1, 1, 2, 3, 4, 1]
    let lines = ids.enumerated().map { line(at: $0 * 100_000, input: 8, output: 1, ids: [$1]) }
    func hits(_ eviction: EvictionPolicy) throws -> Int {
      let small = try configuration(pages: 6, eviction: eviction)
      return Simulator(try traffic(lines), costs: costs).run(small).counts.cache.hitTokens
    }
    #expect(try hits(.leastRecentlyUsed) == 4)
    #expect(try hits(.leastFrequentlyUsed) == 8)
  }
}

/// The made-up days of Tests/Fixtures/traffic.
@Suite struct FixtureDayTests {
  private func day(_ name: String, speedUp: Double = 1) throws -> Traffic {
    var options = Traffic.Options()
    options.speedUp = speedUp
    return try Traffic(path: projectFile("Tests/Fixtures/traffic/\(name).jsonl"), options: options)
  }

  private func server(_ queue: QueuePolicy, pages: Int = 1024) throws -> SchedulerConfiguration {
    try configuration(pages: pages, pageSize: 16, context: 8192, batch: 256, running: 64, waiting: 1024, queue: queue)
  }

  @Test func theFormatsAreRecognised() throws {
    let mooncake = try day("tenants_mooncake")
    #expect(mooncake.blockTokens == 512 && mooncake.timeUnit == .milliseconds && mooncake.requests.count == 600)
    #expect((80_000...86_400).contains(mooncake.duration))
    let qwen = try day("chat_qwen")
    #expect(qwen.blockTokens == 16 && qwen.timeUnit == .seconds && qwen.requests.count == 317)
    #expect((80_000...90_000).contains(qwen.duration))
    #expect(qwen.notes.contains { $0.hasPrefix("the answers of 207 requests") })
  }

  @Test(arguments: QueuePolicy.allCases) func theSameDayGivesTheSameReport(_ queue: QueuePolicy) throws {
    let simulator = Simulator(try day("tenants_mooncake", speedUp: 40), costs: .measured)
    let report = simulator.run(try server(queue))
    #expect(simulator.run(try server(queue)) == report)
    #expect(report.json == simulator.run(try server(queue)).json)
  }

  @Test(arguments: QueuePolicy.allCases) func everyRequestIsAnsweredOrRefused(_ queue: QueuePolicy) throws {
    let traffic = try day("tenants_mooncake", speedUp: 40)
    let report = Simulator(traffic, costs: .measured).run(try server(queue))
    let counts = report.counts
    #expect(counts.finished + counts.refused == 600 && counts.refused == 0)
    #expect(counts.generatedTokens == traffic.outputTokens && counts.promptTokens == traffic.inputTokens)
    #expect(counts.peakPagesHeld <= 1024 && counts.peakPagesUsed <= 1024 && counts.peakRunning <= 64)
    // A step generates a token or is full of prompts.
    #expect(counts.steps <= counts.generatedTokens + counts.computedTokens / 256 + 1)
  }

  @Test func lookingForPrefixesFindsMoreOfThem() throws {
    let simulator = Simulator(try day("tenants_mooncake", speedUp: 40), costs: .measured)
    let inOrder = simulator.run(try server(.firstComeFirstServed))
    let longest = simulator.run(try server(.longestPrefixMatch))
    #expect(inOrder.counts.peakWaiting > 8, "there is something to choose from")
    #expect(longest.prefixHitRate > inOrder.prefixHitRate)
  }

  @Test func aConversationFindsItsHistory() throws {
    let report = Simulator(try day("chat_qwen"), costs: .measured).run(try server(.firstComeFirstServed))
    #expect(report.prefixHitRate > 0.85)
  }
}
