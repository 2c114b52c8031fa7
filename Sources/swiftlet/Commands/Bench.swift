import ArgumentParser
import Benchmarking
import FoundationEssentials
import Generation
import JSONText
import KernelRuntime
import Kernels
import Logging
import Models
import Scheduling
import Tokenization

struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a model, what sharing gains, or each kernel, on this machine.",
    subcommands: [BenchModel.self, BenchSharing.self, BenchKernels.self, BenchGPU.self],
    defaultSubcommand: BenchModel.self)
}

struct BenchModel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Measure decoding and prefill on this machine, beside what the machine can do at best.",
    discussion: "Each figure is the best of several runs, since other programs use the machine too.")

  @OptionGroup var model: ModelOptions

  @Option(help: "Prompt lengths to measure, in tokens.")
  var prompts: [Int] = [128, 512]

  @Option(help: "Tokens to generate for the decoding figure.")
  var tokens = 128

  @Option(help: "Runs of each measurement.")
  var runs = 5

  @Option(help: "Thread counts to measure; default: 1 and all.")
  var threadCounts: [Int] = []

  @Option(help: "Write the figures to this JSON file, too.")
  var json: String?

  @Option(help: "A name for the code that is measured, for the JSON file: the commit.")
  var commit = ""

  func validate() throws {
    if tokens < 2 { throw ValidationError("--tokens is \(tokens); it must be at least 2") }
    if runs < 1 { throw ValidationError("--runs is \(runs); it must be at least 1") }
    if prompts.contains(where: { $0 < 1 }) { throw ValidationError("--prompts must be at least 1") }
    if threadCounts.contains(where: { !(1...1024).contains($0) }) {
      throw ValidationError("--thread-counts must be 1 to 1024")
    }
  }

  func run() async throws {
    let files = try ModelFiles.open(try model.path())
    let work = DecodeWork(files)
    let all = try model.engineOptions().threads
    let counts = threadCounts.isEmpty ? Array(Set([1, all])).sorted() : threadCounts
    var results: [JSONValue] = []
    Terminal.print("\(files.name): \(work.weightBytes / 1_000_000) MB of weights are read for each decoded token")
    for threads in counts {
      let ceilings = MachineCeilings.measure(threads: threads, readSetBytes: work.weightBytes)
      Terminal.print(
        """

        \(threads) thread\(threads == 1 ? "" : "s"), \(ceilings.instructionSet.rawValue): reads \(one(ceilings.readGigabytes)) GB/s, \
        float32 \(Int(ceilings.floatGigaflops)) GFLOP/s, int16 \(Int(ceilings.integerGigaops)) GOP/s
        """)
      let figures = try await measure(files, threads: threads, work: work, ceilings: ceilings)
      results.append(figures)
    }
    if let json {
      let document = JSONValue.object(
        JSONObject([
          ("benchmark", .string("single stream")), ("model", .string(files.name)), ("commit", .string(commit)),
          ("machine", .string(MachineDescription.processor)), ("kernels", .string(model.kernelOptions.kernels)),
          ("kv_type", .string(model.kvType)), ("max_batch_tokens", .int(model.maxBatchTokens)),
          ("results", .array(results)),
        ]))
      try OutputFile.write(Array((document.pretty + "\n").utf8), to: json, option: "--json")
    }
  }

  /// One engine with that many threads: decoding, then each prompt length.
  private func measure(
    _ files: ModelFiles, threads: Int, work: DecodeWork, ceilings: MachineCeilings
  ) async throws -> JSONValue {
    var options = try model.engineOptions()
    options.threads = threads
    options.prefixCaching = false  // prompts of one length begin like those of another
    let library = try model.kernelOptions.library(log: .quiet)
    let engine = try await Engine.start(
      files, tokenizer: { NoText() }, library: library, options: options,
      availableMemory: Machine.availableMemory)
    var decode = 0.0
    for run in 0..<runs {
      let timing = try await time(
        engine, prompt: 16, tokens: tokens, seed: run, vocabulary: files.configuration.vocabularySize)
      decode = max(decode, Double(tokens - 1) / timing.rest)
    }
    let readBound = ceilings.readGigabytes * 1e9 / Double(work.weightBytes)
    Terminal.print(
      "  decode               \(one(decode)) tokens/s   \(percent(decode / readBound)) of the \(Int(readBound)) that reading the weights allows"
    )
    let dispatch = try dispatchShare(engine, board: library.switchboard, decode: decode)
    var members: [(String, JSONValue)] = [
      ("threads", .int(threads)), ("instruction_set", .string(ceilings.instructionSet.rawValue)),
      ("read_gb_per_s", .double(rounded(ceilings.readGigabytes))),
      ("float32_gflop_per_s", .double(rounded(ceilings.floatGigaflops))),
      ("int16_gop_per_s", .double(rounded(ceilings.integerGigaops))),
      ("decode_tokens_per_s", .double(rounded(decode))),
      ("decode_share_of_read_bound", .double(rounded(decode / readBound))),
      ("dispatch_ns_per_call", .double(rounded(dispatch.nanoseconds))), ("calls_per_step", .double(dispatch.calls)),
      ("dispatch_share_of_decode_step", .double(rounded(dispatch.share))),
    ]
    for length in prompts where length < engine.contextLength {
      var prefill = 0.0
      for run in 0..<runs {
        let timing = try await time(
          engine, prompt: length, tokens: 1, seed: run, vocabulary: files.configuration.vocabularySize)
        prefill = max(prefill, Double(length) / timing.first)
      }
      let peak = ceilings.integerGigaops * 1e9 / Double(work.layerOperations)
      Terminal.print(
        "  prefill \(length)".padding(22)
          + " \(one(prefill)) tokens/s   \(percent(prefill / peak)) of the \(Int(peak)) that int16 arithmetic allows")
      members.append(("prefill_\(length)_tokens_per_s", .double(rounded(prefill))))
      members.append(("prefill_\(length)_share_of_int16_peak", .double(rounded(prefill / peak))))
    }
    await engine.shutdown()
    return .object(JSONObject(members))
  }

  /// What finding and checking kernels costs in a step of decoding: each definition's calls, as they were counted, times
  /// the measured cost of a call with its arguments.
  private func dispatchShare(
    _ engine: Engine, board: KernelSwitchboard?, decode: Double
  ) throws -> (nanoseconds: Double, calls: Double, share: Double) {
    let steps = Double(max(1, engine.statistics.steps))
    var calls = 0.0, nanoseconds = 0.0, byShape = 0.0
    for definition in try model.definitions().map(\.definition) {
      let counted = board?.calls.filter { $0.definition == definition.name } ?? []
      let one = try DispatchOverhead(definition, selection: .listed).boundNanoseconds
      let many = try DispatchOverhead(definition, selection: .fastest).boundNanoseconds
      for call in counted {
        let count = Double(call.count) / steps, isByShape = [.exact, .bucket, .nearest].contains(call.route)
        calls += count
        nanoseconds += count * (isByShape ? many : one)
        byShape += count * many
      }
    }
    let share = nanoseconds * 1e-9 * decode, mean = nanoseconds / max(1, calls)
    Terminal.print(
      "  dispatch             \(Int(mean)) ns a call (\(Int(byShape / max(1, calls))) if chosen by shape), "
        + "\(Int(calls)) calls a step: \(rounded(share * 100)) % of a decode step")
    return (mean, calls, share)
  }

  /// Seconds to the first token, and from it to the last.
  private func time(
    _ engine: Engine, prompt: Int, tokens: Int, seed: Int, vocabulary: Int
  ) async throws -> (first: Double, rest: Double) {
    // Different prompts: nothing of one run may help the next.
    let ids = (0..<prompt).map { TokenID(($0 * 7919 + seed * 104_729 + 31) % vocabulary) }
    var request = GenerationRequest(id: "bench", prompt: ids, maxTokens: tokens)
    request.sampling.temperature = 0
    request.stop.ignoresStopTokens = true
    let prepared = request
    return try await Task.detached {
      let clock = ContinuousClock(), start = clock.now
      var first: ContinuousClock.Instant?
      for await event in try engine.generate(prepared) {
        if case .delta = event, first == nil { first = clock.now }
        if case .finished(.failed, _, let message) = event { throw ValidationError(message ?? "the request failed") }
      }
      let end = clock.now
      return (((first ?? end) - start).inSeconds, (end - (first ?? end)).inSeconds)
    }.value
  }

  private func one(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
  private func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
  private func percent(_ value: Double) -> String { "\(Int((value * 100).rounded())) %" }
}

/// What one token costs at least.
struct DecodeWork {
  /// Bytes of all weights that a decoded token reads.
  var weightBytes = 0
  /// Integer operations of a token in the layers, the head not counted: it is needed for the last token only.
  var layerOperations = 0

  init(_ files: ModelFiles) {
    for tensor in files.allWeights {
      weightBytes += tensor.value.byteCount
      switch tensor.key {
      case .embedding, .outputHead: break
      default: if tensor.value.shape.count == 2 { layerOperations += 2 * tensor.value.elementCount }
      }
    }
    // An embedding table that is not the head is read one row a token.
    if !files.configuration.tiesEmbeddings, let table = files.optionalWeight(.embedding) {
      weightBytes -= table.byteCount
    }
  }
}

/// Tokens without text: a benchmark measures the model.
struct NoText: TokenTextDecoder {
  mutating func append(_ token: TokenID) -> String { "x" }
  mutating func finish() -> String { "" }
}

extension String {
  /// Filled up with blanks to a width.
  func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
