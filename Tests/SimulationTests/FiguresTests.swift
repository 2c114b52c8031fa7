import JSONText
import Scheduling
import Testing

@testable import Simulation

@Suite struct FiguresTests {
  @Test func percentilesAreThoseOfTheSortedValues() {
    var state: UInt64 = 1
    for count in [1, 2, 3, 10, 99, 100, 101, 1000] {
      var samples = WeightedSamples()
      let values = (0..<count).map { _ -> Double in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 60)
      }
      for value in values { samples.add(value) }
      let sorted = values.sorted()
      let summary = samples.summary()
      func nearestRank(_ percent: Int) -> Double { sorted[max(0, (percent * count + 99) / 100 - 1)] }
      #expect(summary?.p50 == nearestRank(50) && summary?.p90 == nearestRank(90) && summary?.p99 == nearestRank(99))
      #expect(summary?.largest == sorted.last && summary?.count == count)
      #expect(summary?.mean == values.reduce(0, +) / Double(count))
    }
    #expect(WeightedSamples().summary() == nil)
  }

  @Test func theDefaultCostsGiveTheMeasuredFiguresBack() throws {
    // Benchmarks/results/2026-11-21-cpu-single-stream.json, two threads.
    let server = try configuration(pages: 64, pageSize: 16, context: 1024, batch: 256)
    let prompts = try traffic([line(at: 0, input: 128, output: 1)]),
      longer = try traffic([line(at: 0, input: 512, output: 1)])
    let decoding = try traffic([line(at: 0, input: 16, output: 128)])
    func report(_ day: Traffic) -> SimulationReport { Simulator(day, costs: .measured).run(server) }
    func agrees(_ rate: Double?, _ measured: Double) -> Bool { abs((rate ?? 0) / measured - 1) < 0.001 }
    #expect(agrees(report(prompts).timeToFirstToken.map { 128 / $0.mean }, 993.279))
    #expect(agrees(report(longer).timeToFirstToken.map { 512 / $0.mean }, 905.951))
    #expect(agrees(report(decoding).interTokenLatency.map { 1 / $0.mean }, 165.498))
  }

  @Test func costsAreReadAndWrittenAsJSON() throws {
    let costs = try StepCosts(json: Array(#"{"fixed": 1, "per_row": 0.25}"#.utf8))
    #expect(costs == StepCosts(fixed: 1, perToken: 0, perPair: 0, perRow: 0.25))
    #expect(try StepCosts(json: Array(StepCosts.measured.json.pretty.utf8)) == .measured)
  }

  @Test(arguments: [
    ("[]", "expected an object with fixed, per_token, per_pair, per_row"), ("{}", "expected an object with"),
    (#"{"fixd": 1}"#, #""fixd" is not a cost"#), (#"{"fixed": -1}"#, "fixed is -1; it must be a number of seconds"),
    (#"{"fixed": NaN}"#, "fixed is NaN"), (#"{"fixed": 1e9}"#, "from 0 to 1000"), (#"{"fixed": "1"}"#, "fixed is"),
    ("{", "line 1"),
  ]) func costsThatCannotBeAreRefused(text: String, part: String) throws {
    let error = try #require(throws: JSONError.self) { try StepCosts(json: Array(text.utf8)) }
    #expect(error.description.contains(part), "\(error)")
  }

  @Test(arguments: [
    (0, "0.0 us"), (1.25e-5, "12.5 us"), (0.0123456, "12.35 ms"), (0.25, "250.0 ms"), (12.345, "12.35 s"),
    (3600, "3600.0 s"), (360_000, "100.0 h"), (1e300, "1e+300 s"),
  ]) func timesAreWrittenWithAUnitThatSuitsThem(seconds: Double, text: String) {
    #expect(SimulationTable.seconds(seconds) == text)
  }

  @Test func theTableHasAColumnForEachReport() throws {
    let simulator = Simulator(try traffic([line(at: 0, input: 8, output: 2)]), costs: .measured)
    let reports = try QueuePolicy.allCases.flatMap { queue in
      try [true, false].map { (simulator.run(try configuration(caching: $0, queue: queue)), 0.5) }
    }
    let lines = SimulationTable(reports).text.split(separator: "\n", omittingEmptySubsequences: false)
    let heads = lines.filter { $0.hasPrefix("queue/eviction") }
    #expect(heads.count == 2 && heads[0].contains("lpm/lru") && heads[1].contains("priority/lru"))
    let ends = lines.filter { $0.hasPrefix("simulated in") }
    #expect(ends.count == 2 && ends[0].split(separator: " ").count == 2 + 6 * 2)
    #expect(Set(lines.dropLast().filter { !$0.isEmpty }.map(\.count)).count <= 4, "rows are of one width")
  }
}
