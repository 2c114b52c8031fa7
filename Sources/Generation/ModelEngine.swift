import KernelRuntime
import Models
import PageStorage
import Paging
import Scheduling
import Tensors
import Tokenization

/// How a real model is run: what an operator may set.
public struct ModelEngineOptions: Sendable {
  /// Threads that compute, the engine's own included.
  public var threads: Int
  /// Bytes for keys and values; nil takes an eighth of the memory that is free, or as much as one full context needs if
  /// that is more, but never more than a quarter. Pages take no memory before they are written.
  public var kvMemory: Int?
  /// Element type of keys and values: float32, float16, bfloat16, or int8 with a scale for each token and head.
  public var kvType: DType = .float16
  /// How keys and values lie in memory.
  public var kvLayout = KVLayout.layerFirst
  /// Tokens in a page, a power of two.
  public var pageSize = 16
  /// Longest prompt plus output; nil takes the model's own.
  public var contextLength: Int?
  /// Tokens in one step, decode and prefill together.
  public var maxBatchTokens = 256
  /// Sequences that run at once, and requests that may wait beyond them.
  public var maxRunning = 64, maxWaiting = 1024
  /// Whether requests that begin alike share their pages, and which cached pages are given up first.
  public var prefixCaching = true, evictionPolicy = EvictionPolicy.leastRecentlyUsed
  /// Which waiting request is admitted first, and how many newer ones may go before one.
  public var queuePolicy = QueuePolicy.firstComeFirstServed, maxOvertakes = 64

  /// Seconds between the tokens of a request that others' prompts shall not exceed; nil for no such limit.
  public var interTokenTarget: Double? = 0.05
  /// Steps of pure decoding after one decision; tokens guessed ahead from what was said before.
  public var decodeRounds = 8, draftTokens = 0
  /// How preempted requests get their pages back.
  public var preemption = PreemptionMethod.cheapest

  /// Bytes of the second level, 0 for none, and the folder of its file; nil keeps it in memory.
  public var secondLevelMemory = 0, secondLevelFolder: String?
  /// The file that keeps the prefix cache between two runs, and what says that two programs compute the same.
  public var cacheFile: String?, programMark = ""
  /// Told what goes wrong without stopping the engine.
  public var report: @Sendable (String) -> Void = { _ in }

  public init(threads: Int) { self.threads = threads }
}

/// A size that cannot work, said before anything is loaded.
public struct ModelEngineError: Error, Sendable, CustomStringConvertible {
  public let description: String
}

extension Engine {
  /// Loads a model's weights into kernels and starts an engine on it.
  /// - files: the checked files; library: decides which kernels run; tokenizer: turns tokens into text.
  /// - availableMemory: bytes that the machine has free, for the default size of the KV memory.
  /// - Throws: `ModelEngineError`, `SchedulerConfigurationError`, `ModelLoadingError`, `KernelError`, `EngineError`.
  public static func start(
    _ files: ModelFiles, tokenizer: @escaping @Sendable () -> any TokenTextDecoder, library: KernelLibrary,
    options: ModelEngineOptions, availableMemory: Int
  ) async throws -> Engine {
    let model = files.configuration
    let context = min(options.contextLength ?? model.contextLength, model.contextLength)
    let pages = try pageCount(model, context: context, options: options, availableMemory: availableMemory)
    let limits = try SchedulerConfiguration(
      pageSize: options.pageSize, pageCount: pages, contextLength: context, vocabularySize: model.vocabularySize,
      maxBatchTokens: options.maxBatchTokens, maxRunning: options.maxRunning, maxWaiting: options.maxWaiting,
      prefixCaching: options.prefixCaching, evictionPolicy: options.evictionPolicy, queuePolicy: options.queuePolicy,
      maxOvertakes: options.maxOvertakes, interTokenTarget: options.interTokenTarget,
      decodeRounds: options.decodeRounds, draftTokens: options.draftTokens,
      secondLevelPages: try slotCount(model, options),
      preemption: options.preemption)
    let configuration = EngineConfiguration(
      scheduler: limits, stepCosts: .guess(for: model, threads: options.threads))
    return try await Engine(configuration: configuration, makeDecoder: tokenizer) {
      let decoder = try Decoder.load(
        files, library: library, pageSize: options.pageSize, cacheType: options.kvType, contextLength: context)
      let kv = KVStore(
        model, pageCount: pages, pageSize: options.pageSize, dtype: options.kvType, layout: options.kvLayout)
      let pageFile =
        limits.secondLevelPages > 0
        ? try PageFile(
          directory: options.secondLevelFolder, slotCount: limits.secondLevelPages, slotBytes: kv.bytesPerPage) : nil
      return DecoderRunner(
        model: decoder, kv: kv,
        workspace: DecoderWorkspace(model, maxTokens: limits.maxBatchTokens, maxSampledRows: limits.maxSampledRows),
        sampler: try TokenSampler(library, vocabularySize: model.vocabularySize, maxRows: limits.maxSampledRows),
        stream: CPUStream(threads: options.threads), switchboard: library.switchboard, pageFile: pageFile,
        cacheFile: options.cacheFile.map { ($0, CacheFingerprint.fields(files, library: library, options: options)) },
        report: options.report)
    }
  }

  private static func slotCount(_ model: DecoderConfiguration, _ options: ModelEngineOptions) throws -> Int {
    let pageBytes = options.pageSize * KVStore.bytesPerToken(model, dtype: options.kvType)
    guard options.secondLevelMemory == 0 || options.secondLevelMemory >= pageBytes else {
      throw ModelEngineError(
        description: "a second level of \(options.secondLevelMemory) bytes holds no page: one of \(options.pageSize) "
          + "tokens takes \(pageBytes)")
    }
    return options.secondLevelMemory / pageBytes
  }

  private static func pageCount(
    _ model: DecoderConfiguration, context: Int, options: ModelEngineOptions, availableMemory: Int
  ) throws -> Int {
    guard options.pageSize > 0 else { throw ModelEngineError(description: "the page size is \(options.pageSize)") }
    let pageBytes = options.pageSize * KVStore.bytesPerToken(model, dtype: options.kvType)
    let wanted = (context + options.pageSize - 1) / options.pageSize
    guard let memory = options.kvMemory else {
      return max(1, min(max(wanted, availableMemory / 8 / pageBytes), availableMemory / 4 / pageBytes))
    }
    guard memory >= pageBytes else {
      throw ModelEngineError(
        description: "\(memory) bytes of KV memory hold no page: one of \(options.pageSize) tokens takes \(pageBytes)")
    }
    return memory / pageBytes
  }
}

extension IncrementalDetokenizer: TokenTextDecoder {}
