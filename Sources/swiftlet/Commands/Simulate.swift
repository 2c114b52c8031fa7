import ArgumentParser
import JSONText
import Paging
import Scheduling
import Simulation

struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a recorded day of traffic through the scheduler, without a model, under several policies.",
    discussion: """
      The trace is a file of JSON lines in the form of Mooncake's or Qwen-Bailian's public traces, or with timestamp, \
      input_length and output_length alone. The scheduler is the server's; what a step would take is computed from its \
      size. docs/simulation.md says what is modelled and how to read the table.
      """)

  @Option(help: "The file of requests, one JSON object a line.")
  var trace: String

  @Option(help: "Queue policies, with commas between them: fcfs, lpm, dfs-weight, priority.")
  var queuePolicy = QueuePolicy.allCases.map(\.rawValue).joined(separator: ",")

  @Option(
    help: "Eviction policies, with commas between them: lru, lfu, fifo, priority. Each is run with each queue policy.")
  var evictionPolicy = EvictionPolicy.leastRecentlyUsed.rawValue

  @OptionGroup(title: "Reading the trace") var reading: TraceReadingOptions
  @OptionGroup(title: "The simulated server") var server: SimulatedServerOptions
  @OptionGroup(title: "What a step costs") var costs: StepCostOptions

  @Option(help: "Write the figures to this JSON file, too.")
  var json: String?

  func run() throws {
    let configurations = try configurations()
    let costs = try costs.resolved()
    let day: Traffic
    do { day = try Traffic(path: trace, options: try reading.options()) } catch let error as TrafficError {
      throw ValidationError(error.description)
    }
    Terminal.print(
      "\(trace): \(day.requests.count) requests in \(SimulationTable.seconds(day.duration)), \(day.inputTokens) prompt "
        + "tokens, \(day.outputTokens) to be generated")
    for note in day.notes { Terminal.print("note: \(note)") }
    let simulator = Simulator(day, costs: costs, secondsPerPageCopy: self.costs.copyCost)
    let clock = ContinuousClock()
    var reports: [(report: SimulationReport, wallSeconds: Double)] = []
    for configuration in configurations {
      let start = clock.now
      let report = simulator.run(configuration)
      reports.append((report, (clock.now - start) / .seconds(1)))
    }
    Terminal.write("\n" + SimulationTable(reports).text)
    if let json {
      let text = document(day, costs, configurations[0], reports).pretty + "\n"
      try OutputFile.write(Array(text.utf8), to: json, option: "--json")
    }
  }

  func validate() throws { _ = try configurations() }

  /// Each queue policy with each eviction policy.
  private func configurations() throws -> [SchedulerConfiguration] {
    let queues = try Self.list(queuePolicy, "--queue-policy", QueuePolicy.allCases)
    let evictions = try Self.list(evictionPolicy, "--eviction-policy", EvictionPolicy.allCases)
    return try queues.flatMap { queue in try evictions.map { try server.configuration(queue, $0) } }
  }

  /// The values of a list with commas, each once.
  private static func list<Value: RawRepresentable & Equatable>(
    _ text: String, _ option: String, _ all: [Value]
  ) throws -> [Value] where Value.RawValue == String {
    var values: [Value] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Value(rawValue: String(part)) else {
        let names = all.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("\(option): \"\(part)\" is not one of \(names)")
      }
      if !values.contains(value) { values.append(value) }
    }
    return values
  }

  private func document(
    _ day: Traffic, _ costs: StepCosts, _ configuration: SchedulerConfiguration,
    _ reports: [(report: SimulationReport, wallSeconds: Double)]
  ) -> JSONValue {
    let settings: [(String, JSONValue)] = [
      ("pages", .int(configuration.pageCount)), ("page_size", .int(configuration.pageSize)),
      ("context_length", .int(configuration.contextLength)), ("max_batch_tokens", .int(configuration.maxBatchTokens)),
      ("max_running", .int(configuration.maxRunning)), ("max_waiting", .int(configuration.maxWaiting)),
      ("max_overtakes", .int(configuration.maxOvertakes)), ("prefix_cache", .bool(configuration.prefixCaching)),
      ("itl_target_seconds", configuration.interTokenTarget.map { .double($0) } ?? .null),
      ("second_level_pages", .int(configuration.secondLevelPages)),
      ("preemption", .string(configuration.preemption.rawValue)), ("copy_seconds", .double(self.costs.copyCost)),
    ]
    let results = reports.map { report, wallSeconds -> JSONValue in
      var members = report.json.object ?? JSONObject()
      members["simulated_in_seconds"] = .double(wallSeconds)
      return .object(members)
    }
    return .object(
      JSONObject([
        ("trace", .string(trace)), ("requests", .int(day.requests.count)), ("seconds", .double(day.duration)),
        ("prompt_tokens", .int(day.inputTokens)), ("output_tokens", .int(day.outputTokens)),
        ("block_tokens", .int(day.blockTokens)), ("time_unit", .string(day.timeUnit.rawValue)),
        ("speed_up", .double(reading.speedUp)), ("notes", .array(day.notes.map { .string($0) })),
        ("server", .object(JSONObject(settings))), ("costs_in_seconds", costs.json), ("results", .array(results)),
      ]))
  }
}
