import ArgumentParser
import FoundationEssentials
import Generation
import JSONText
import Models
import Scheduling

struct BenchSharing: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sharing",
    abstract: "Measure what requests gain from each other on this machine, and what a long prompt costs the others.",
    discussion: """
      Four measurements: requests with a common prefix, with the prefix cache and without; decoding of many streams \
      together against one alone; running streams while a long prompt arrives; the attention kernel alone over a common \
      prefix, with sharing and without. Each figure is the best of several runs, \
      since other programs use the machine too. KV memory, unless given, suffices without sharing.
      """)

  @OptionGroup var model: ModelOptions

  @Option(help: "Runs of each measurement.")
  var runs = 3

  @Option(help: "Streams that decode together, and requests with a common prefix at a time.")
  var streams = 16

  @Option(help: "Tokens of the prompt that arrives while streams run.")
  var longPrompt = 4000

  @Option(parsing: .upToNextOption, help: "Only these: lookup, prefix, decode, interrupt, attention.")
  var only: [Measurement] = Measurement.allCases

  @Option(help: "Write the figures to this JSON file, too.")
  var json: String?

  @Option(help: "A name for the code that is measured, for the JSON file: the commit.")
  var commit = ""

  enum Measurement: String, CaseIterable, ExpressibleByArgument { case lookup, prefix, decode, interrupt, attention }

  func validate() throws {
    if runs < 1 { throw ValidationError("--runs is \(runs); it must be at least 1") }
    if !(2...256).contains(streams) { throw ValidationError("--streams is \(streams); it must be 2 to 256") }
    if !(1...1_000_000).contains(longPrompt) {
      throw ValidationError("--long-prompt is \(longPrompt); it must be 1 to 1000000")
    }
  }

  func run() async throws {
    let files = try ModelFiles.open(try model.path())
    let threads = try model.engineOptions().threads
    Terminal.print("\(files.name), \(threads) thread\(threads == 1 ? "" : "s"), best of \(runs)")
    var members: [(String, JSONValue)] = [
      ("benchmark", .string("sharing")), ("model", .string(files.name)), ("commit", .string(commit)),
      ("machine", .string(MachineDescription.processor)), ("kernels", .string(model.kernelOptions.kernels)),
      ("kv_type", .string(model.kvType)), ("page_size", .int(model.pageSize)),
      ("max_batch_tokens", .int(model.maxBatchTokens)), ("threads", .int(threads)), ("runs", .int(runs)),
    ]
    for measurement in Measurement.allCases where only.contains(measurement) {
      let figures =
        switch measurement {
        case .lookup: try lookup()
        case .prefix: try await commonPrefix(files)
        case .decode: try await decode(files)
        case .interrupt: try await interrupt(files)
        case .attention: try attention(files)
        }
      if let figures { members.append((measurement.rawValue, .object(JSONObject(figures)))) }
    }
    if let json {
      let text = JSONValue.object(JSONObject(members)).pretty + "\n"
      try OutputFile.write(Array(text.utf8), to: json, option: "--json")
    }
  }

  // MARK: Measurements

  private typealias Figures = [(String, JSONValue)]

  private func lookup() throws -> Figures {
    let found = try PrefixLookupBenchmark(pageSize: model.pageSize).run()
    func microseconds(_ seconds: Double) -> Double { rounded(seconds * 1e6) }
    Terminal.print(
      """
      finding 4096 tokens
        compared           \(rounded(found.compareGBPerSecond)) GB of prompt a second
        in one run         \(microseconds(found.oneRun)) µs
        along \(found.nodes) nodes     \(microseconds(found.path)) µs
      """)
    return [
      ("compare_gb_per_s", .double(rounded(found.compareGBPerSecond))),
      ("one_run_us", .double(microseconds(found.oneRun))), ("path_nodes", .int(found.nodes)),
      ("path_us", .double(microseconds(found.path))),
    ]
  }

  private func commonPrefix(_ files: ModelFiles) async throws -> Figures? {
    let shape = SharingScenarios.Prefix(concurrent: streams)
    let need = shape.prefix + shape.suffix + shape.output
    // Turn by turn, so that both see the machine alike; a run with the cache alone may end within a bad moment.
    let found = try await withEngine(files, caching: true, context: need) { caching in
      try await withEngine(files, caching: false, context: need) { plain in
        var shared: [SharingScenarios.PrefixFigures] = [], unshared = shared
        for seed in 1...max(1, runs) {
          shared.append(try await caching.commonPrefix(shape, seed: seed))
          unshared.append(try await plain.commonPrefix(shape, seed: seed))
        }
        return (shared: shared.min { $0.seconds < $1.seconds }, unshared: unshared.min { $0.seconds < $1.seconds })
      }
    }
    guard let best = found ?? nil, let shared = best.shared, let unshared = best.unshared else { return nil }
    let ratio = unshared.seconds / shared.seconds
    Terminal.print(
      """
      common prefix        \(shape.requests) requests of \(shape.prefix) common and \(shape.suffix) own tokens, \
      \(shape.output) generated, \(shape.concurrent) at a time
        with cache         \(rounded(shared.seconds)) s, at most \(shared.heldPages) pages held, \
      \(shared.foundTokens) prompt tokens found
        without            \(rounded(unshared.seconds)) s, at most \(unshared.heldPages) pages held
        ratio              \(rounded(ratio)) ×, the prefix has \(shape.prefix / model.pageSize) pages
      """)
    return [
      ("requests", .int(shape.requests)), ("concurrent", .int(shape.concurrent)),
      ("prefix_tokens", .int(shape.prefix)), ("suffix_tokens", .int(shape.suffix)),
      ("output_tokens", .int(shape.output)), ("seconds_with_cache", .double(rounded(shared.seconds))),
      ("seconds_without_cache", .double(rounded(unshared.seconds))), ("ratio", .double(rounded(ratio))),
      ("pages_of_prefix", .int(shape.prefix / model.pageSize)), ("pages_held_with_cache", .int(shared.heldPages)),
      ("pages_held_without_cache", .int(unshared.heldPages)), ("prompt_tokens_found", .int(shared.foundTokens)),
    ]
  }

  private func decode(_ files: ModelFiles) async throws -> Figures? {
    let tokens = 128
    let figures = try await withEngine(files, caching: false, context: 16 + tokens) { scenarios in
      var (one, many) = (0.0, 0.0)
      for run in 0..<runs {
        one = max(one, try await scenarios.decode(streams: 1, tokens: tokens, seed: run + 1))
        many = max(many, try await scenarios.decode(streams: streams, tokens: tokens, seed: run + 101))
      }
      return (one: one, many: many)
    }
    guard let (one, many) = figures else { return nil }
    Terminal.print(
      """
      decoding             \(tokens) tokens each
        1 stream           \(rounded(one)) tokens/s
        \("\(streams) streams".padding(19))\(rounded(many)) tokens/s together
        ratio              \(rounded(many / one)) ×
      """)
    return [
      ("tokens", .int(tokens)), ("streams", .int(streams)), ("tokens_per_s_of_one", .double(rounded(one))),
      ("tokens_per_s_together", .double(rounded(many))), ("ratio", .double(rounded(many / one))),
    ]
  }

  /// A run of the long prompt alone and among streams, one after the other, so that both see the machine alike.
  private struct LongPromptRun {
    var undisturbed: Double, among: SharingScenarios.Interruption
    var gap: Double { among.gaps.percentile(0.99) }
    var share: Double { among.promptSpeed / undisturbed }
  }

  private func interrupt(_ files: ModelFiles) async throws -> Figures? {
    let streams = 8, target = model.interTokenTarget / 1000
    let measured = try await withEngine(files, caching: false, context: longPrompt + 2) { scenarios in
      var found: [LongPromptRun] = []
      for run in 0..<max(1, runs) {
        let alone = Double(longPrompt) / (try await scenarios.alone(prompt: longPrompt, seed: run + 1))
        let among = try await scenarios.interrupt(streams: streams, prompt: longPrompt, seed: run + 101)
        found.append(LongPromptRun(undisturbed: alone, among: among))
      }
      return found
    }
    // The best of the runs that held the target, or the one that came nearest.
    let held = measured?.filter { $0.gap <= target } ?? []
    let nearest = measured?.min(by: { $0.gap < $1.gap })
    guard let chosen = held.max(by: { $0.share < $1.share }) ?? nearest else { return nil }
    let (undisturbed, best) = (chosen.undisturbed, chosen.among)
    func milliseconds(_ seconds: Double) -> Double { rounded(seconds * 1000) }
    let (half, most) = (milliseconds(best.gaps.percentile(0.5)), milliseconds(best.gaps.percentile(0.99)))
    let (largest, share) = (milliseconds(best.gaps.max() ?? 0), best.promptSpeed / undisturbed)
    Terminal.print(
      """
      a long prompt        \(longPrompt) tokens arrive while \(streams) streams run, target \(rounded(model.interTokenTarget)) ms
        between tokens     p50 \(half) ms, p99 \(most) ms, largest \(largest) ms, of \(best.gaps.count)
        the prompt         \(rounded(best.promptSpeed)) tokens/s, alone \(rounded(undisturbed))
        ratio              \(rounded(share))
        target held        in \(held.count) of \(measured?.count ?? 0) runs
      """)
    return [
      ("prompt_tokens", .int(longPrompt)), ("streams", .int(streams)), ("target_ms", .double(model.interTokenTarget)),
      ("gaps", .int(best.gaps.count)),
      ("gap_p50_ms", .double(half)), ("gap_p99_ms", .double(most)), ("gap_largest_ms", .double(largest)),
      ("prefill_tokens_per_s", .double(rounded(best.promptSpeed))),
      ("prefill_alone_tokens_per_s", .double(rounded(undisturbed))), ("ratio", .double(rounded(share))),
      ("runs_that_held_the_target", .int(held.count)),
    ]
  }

  private func attention(_ files: ModelFiles) throws -> Figures? {
    let suffix = 32, options = try model.engineOptions()
    let benchmark = try SharedAttentionBenchmark(
      files.configuration, try model.kernelOptions.library(log: .quiet), kvType: options.kvType,
      layout: options.kvLayout, pageSize: options.pageSize, threads: options.threads)
    var prefixes: [JSONValue] = []
    Terminal.print("attention            of \(streams) requests that decode behind a common prefix, per layer")
    for prefix in [512, 4096] {
      let figures = try benchmark.run(
        requests: streams, prefix: prefix, suffix: suffix, memory: Machine.availableMemory / 2,
        seconds: 0.5 * Double(runs))
      guard let figures else {
        Terminal.print("left out: there is no memory for \(prefix) tokens")
        continue
      }
      func milliseconds(_ seconds: Double) -> String { "\(rounded(seconds * 1000)) ms" }
      func line(_ name: String, _ seconds: Double) -> String {
        "    \(name.padding(17))\(milliseconds(seconds)), ratio \(rounded(seconds / figures.shared)) ×"
      }
      Terminal.print(
        "  \(prefix) tokens, \(suffix) own\n    \("shared".padding(17))\(milliseconds(figures.shared))\n"
          + line("not shared", figures.unshared))
      if let separate = figures.separate { Terminal.print(line("own pages", separate)) }
      if !figures.agree { Terminal.print("    the results differ") }
      var members: [(String, JSONValue)] = [
        ("prefix_tokens", .int(prefix)), ("ms_shared", .double(rounded(figures.shared * 1000))),
        ("ms_unshared", .double(rounded(figures.unshared * 1000))),
        ("ratio", .double(rounded(figures.unshared / figures.shared))), ("same_bits", .bool(figures.agree)),
      ]
      if let separate = figures.separate {
        members.append(("ms_separate_pages", .double(rounded(separate * 1000))))
        members.append(("ratio_to_separate_pages", .double(rounded(separate / figures.shared))))
      }
      prefixes.append(.object(JSONObject(members)))
    }
    return [("requests", .int(streams)), ("suffix_tokens", .int(suffix)), ("prefixes", .array(prefixes))]
  }

  // MARK: Engines

  /// An engine of its own for each measurement, so that none finds what another left.
  /// - context: tokens that a request needs.
  /// - Returns: nil, with a line that says so, when requests of that length do not fit.
  private func withEngine<Result: Sendable>(
    _ files: ModelFiles, caching: Bool, context: Int, _ body: (SharingScenarios) async throws -> Result
  ) async throws -> Result? {
    var options = try model.engineOptions()
    options.prefixCaching = caching
    let length = min(options.contextLength ?? .max, files.configuration.contextLength)
    guard context <= length else {
      Terminal.print("left out: requests of \(context) tokens do not fit into a context of \(length)")
      return nil
    }
    if options.kvMemory == nil {
      let pages = (max(streams, 8) * (min(context, 1024) + options.pageSize) + length) / options.pageSize + 1
      options.kvMemory =
        pages * options.pageSize * KVStore.bytesPerToken(files.configuration, dtype: options.kvType)
    }
    let engine = try await Engine.start(
      files, tokenizer: { NoText() }, library: try model.kernelOptions.library(log: .quiet), options: options,
      availableMemory: Machine.availableMemory)
    let load = BenchmarkLoad(engine: engine, vocabulary: files.configuration.vocabularySize)
    do {
      let result = try await body(SharingScenarios(load: load))
      await engine.shutdown()
      return result
    } catch {
      await engine.shutdown()
      throw error
    }
  }

  private func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}
