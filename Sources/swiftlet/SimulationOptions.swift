import ArgumentParser
import Glibc
import JSONText
import Paging
import Scheduling
import Simulation

/// How a trace is to be understood, and how much of it is wanted.
struct TraceReadingOptions: ParsableArguments {
  @Option(help: "What timestamps count, ms or s. Default: s where the first request has a chat_id, else ms.")
  var timeUnit: String?

  @Option(help: "Tokens that a hash id stands for. Default: guessed from the numbers of ids.")
  var blockTokens: Int?

  @Option(help: "Let the day pass this many times as fast: timestamps are divided by it.")
  var speedUp = 1.0

  @Option(help: "Only the first so many requests.")
  var limit: Int?

  @Flag(help: "Accept requests without hash_ids among others that have them; they share nothing.")
  var requestsWithoutHashes = false

  @Option(help: "What is generated: continued (what the next turn of the chat says it was, where known) or own.")
  var answers = Traffic.Answers.continued.rawValue

  func validate() throws { _ = try options() }

  func options() throws -> Traffic.Options {
    var options = Traffic.Options()
    if let timeUnit {
      guard let unit = Traffic.TimeUnit(rawValue: timeUnit) else {
        throw ValidationError("--time-unit is \(timeUnit); it must be ms or s")
      }
      options.timeUnit = unit
    }
    if let blockTokens, !(1...1 << 20).contains(blockTokens) {
      throw ValidationError("--block-tokens is \(blockTokens); it must be 1 to \(1 << 20)")
    }
    guard speedUp.isFinite, speedUp >= 1e-6, speedUp <= 1e6 else {
      throw ValidationError("--speed-up is \(speedUp); it must be a number from 0.000001 to 1000000")
    }
    if let limit, limit < 1 { throw ValidationError("--limit is \(limit); it must be at least 1") }
    guard let answers = Traffic.Answers(rawValue: answers) else {
      throw ValidationError("--answers is \(answers); it must be continued or own")
    }
    (options.blockTokens, options.speedUp, options.limit) = (blockTokens, speedUp, limit)
    (options.acceptsRequestsWithoutHashes, options.answers) = (requestsWithoutHashes, answers)
    return options
  }
}

/// Sizes and limits of the server that is simulated; the defaults are those of `swiftlet serve` with its default model.
struct SimulatedServerOptions: ParsableArguments {
  @Option(help: "Longest prompt plus output, in tokens.")
  var contextLength = 8192

  @Option(help: "Tokens that the memory for keys and values holds. Default: 65536, which are 1.5 GB of SmolLM2-135M's.")
  var kvTokens: Int?

  @Option(help: "The same in pages.")
  var pages: Int?

  @Option(help: "Tokens in a page of keys and values, a power of two.")
  var pageSize = 16

  @Option(help: "Tokens computed in one step, of decoding and of prompts together.")
  var maxBatchTokens = 256

  @Option(help: "Requests that run at a time.")
  var maxRunning = 64

  @Option(help: "Requests that wait at a time; more are refused.")
  var maxWaiting = 1024

  @Option(help: "How many newer requests may go before one that waits.")
  var maxOvertakes = 64

  @Flag(inversion: .prefixedNo, help: "Keep the pages of computed prefixes for requests that begin alike.")
  var prefixCache = true

  @Option(
    help: """
      Milliseconds between tokens of a request that prompts of others shall not exceed; 0 for no limit. Where these tokens \
      alone take longer, prompts get half as much time again.
      """)
  var itlTarget = 50.0

  @Option(help: "Tokens whose keys and values a second level of memory holds.")
  var secondLevelTokens = 0

  @Option(help: "How preempted requests get their pages back: recompute, swap or cheapest.")
  var preemption = PreemptionMethod.cheapest.rawValue

  func validate() throws {
    guard (0...1_000_000).contains(itlTarget) else {
      throw ValidationError("--itl-target is \(itlTarget); it must be milliseconds from 0 to 1000000")
    }
    if PreemptionMethod(rawValue: preemption) == nil {
      throw ValidationError("--preemption is \(preemption); it must be recompute, swap or cheapest")
    }
    _ = try configuration(.firstComeFirstServed, .leastRecentlyUsed)
  }

  func configuration(_ queue: QueuePolicy, _ eviction: EvictionPolicy) throws -> SchedulerConfiguration {
    if kvTokens != nil, pages != nil { throw ValidationError("--kv-tokens and --pages say the same; give one of them") }
    guard (1...4096).contains(pageSize), pageSize & (pageSize - 1) == 0 else {
      throw ValidationError("--page-size is \(pageSize); it must be a power of two up to 4096")
    }
    let most = 1 << 26  // pages: their bookkeeping is memory too
    if let kvTokens, kvTokens < pageSize || kvTokens / pageSize > most {
      throw ValidationError("--kv-tokens is \(kvTokens); it must be a page, \(pageSize), to \(most * pageSize)")
    }
    if let pages, !(1...most).contains(pages) {
      throw ValidationError("--pages is \(pages); it must be 1 to \(most)")
    }
    guard (2...1 << 28).contains(contextLength) else {
      throw ValidationError("--context-length is \(contextLength); it must be 2 to \(1 << 28)")
    }
    guard secondLevelTokens >= 0, secondLevelTokens / pageSize <= most else {
      throw ValidationError("--second-level-tokens is \(secondLevelTokens); it must be 0 to \(most * pageSize)")
    }
    let count = pages ?? (kvTokens ?? 65536) / pageSize
    do {
      return try SchedulerConfiguration(
        pageSize: pageSize, pageCount: count, contextLength: contextLength, vocabularySize: Traffic.vocabularySize,
        maxBatchTokens: maxBatchTokens, maxRunning: maxRunning, maxWaiting: maxWaiting, prefixCaching: prefixCache,
        evictionPolicy: eviction, queuePolicy: queue, maxOvertakes: maxOvertakes,
        interTokenTarget: itlTarget == 0 ? nil : itlTarget / 1000, secondLevelPages: secondLevelTokens / pageSize,
        preemption: PreemptionMethod(rawValue: preemption) ?? .cheapest)
    } catch {
      throw ValidationError("\(Self.option(error.name)) is \(error.value); it must be \(error.expected)")
    }
  }

  /// `maxRunning` as it is written on the command line.
  private static func option(_ name: String) -> String {
    if name == "pageCount" { return "--pages" }
    return "--"
      + name.reduce(into: "") { text, letter in
        text += letter.isUppercase ? "-" + letter.lowercased() : String(letter)
      }
  }
}

/// What a step takes: measured figures, a file's, or single ones.
struct StepCostOptions: ParsableArguments {
  @Option(
    help: "A JSON file with fixed, per_token, per_pair and per_row, in seconds. Default: SmolLM2-135M on two cores.")
  var costs: String?

  @Option(help: "Seconds of any step.")
  var fixedCost: Double?

  @Option(help: "Seconds for each token computed.")
  var tokenCost: Double?

  @Option(help: "Seconds for each pair of a token and a position that it attends to.")
  var pairCost: Double?

  @Option(help: "Seconds for each row of logits.")
  var rowCost: Double?

  @Option(help: "Seconds for copying a page to the second level or back.")
  var copyCost = 0.0

  func validate() throws {
    for (name, value) in [
      ("--fixed-cost", fixedCost), ("--token-cost", tokenCost), ("--pair-cost", pairCost), ("--row-cost", rowCost),
      ("--copy-cost", copyCost),
    ] {
      if let value, !(value >= 0 && value <= StepCosts.largestCost) {
        throw ValidationError("\(name) is \(value); it must be a number of seconds from 0 to 1000")
      }
    }
  }

  func resolved() throws -> StepCosts {
    var costs = StepCosts.measured
    if let path = self.costs {
      do { costs = try StepCosts(json: try Self.read(path)) } catch let error as JSONError {
        throw ValidationError("--costs: \(path): \(error.description)")
      }
    }
    costs.fixed = fixedCost ?? costs.fixed
    costs.perToken = tokenCost ?? costs.perToken
    costs.perPair = pairCost ?? costs.perPair
    costs.perRow = rowCost ?? costs.perRow
    return costs
  }

  /// A small file; what is longer than 64 KiB is none.
  private static func read(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else {
      throw ValidationError("--costs: cannot read \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16 + 1)
    errno = 0
    let count = fread(&bytes, 1, bytes.count, file)
    if ferror(file) != 0 {
      throw ValidationError("--costs: cannot read \(path): \(String(cString: strerror(errno)))")
    }
    guard count < bytes.count else { throw ValidationError("--costs: \(path) is too long for a file of four costs") }
    return Array(bytes.prefix(count))
  }
}
