import ArgumentParser
import FoundationEssentials
import Generation
import Glibc
import KernelRuntime
import Models
import Paging
import Scheduling
import Tensors

/// The options of every command that runs a model.
struct ModelOptions: ParsableArguments {
  @Option(help: "A known name, a .gguf file, or a Hugging Face folder.")
  var model = KnownModel.default.name

  @OptionGroup var kernelOptions: KernelOptions

  @Option(help: "Threads that compute. Default: all processors that this process may use.")
  var threads: Int?

  @Option(help: "Memory for keys and values, in bytes or with K, M or G. Default: an eighth of the free memory.")
  var kvMemory: String?

  @Option(help: "Element type of keys and values: float32, float16, bfloat16, or int8 (half of float16, less exact).")
  var kvType = "float16"

  @Option(help: "How keys and values lie in memory: layer-first, or page-first (a page's bytes together).")
  var kvLayout = KVLayout.layerFirst.rawValue

  @Option(help: "Tokens in a page of keys and values, a power of two.")
  var pageSize = 16

  @Option(help: "Longest prompt plus output, in tokens. Default: the model's own.")
  var contextLength: Int?

  @Option(help: "Tokens computed in one step, of decoding and of prompts together.")
  var maxBatchTokens = 256

  @Flag(inversion: .prefixedNo, help: "Keep the pages of computed prefixes for requests that begin alike.")
  var prefixCache = true

  @Option(help: "Which cached pages go first when memory is short: lru, lfu, fifo or priority.")
  var evictionPolicy = "lru"

  @Option(help: "Who goes first of those that wait: fcfs, lpm (longest prefix match), dfs-weight or priority.")
  var queuePolicy = "fcfs"

  @Option(help: "How many newer requests may go before one that waits.")
  var maxOvertakes = 64

  @Option(
    name: .customLong("itl-target"),
    help: """
      Milliseconds between a request's tokens that prompts of others shall not exceed; 0 for no limit. Where these tokens \
      alone take longer, prompts get half as much time again.
      """)
  var interTokenTarget = 50.0

  @Option(help: "Steps that may follow one decision while all requests decode and none arrives.")
  var decodeSteps = 8

  @Option(help: "Tokens guessed ahead, at most, from what the request has said before; 0 for none.")
  var draftTokens = 0

  @Option(help: "Second level for pages that memory has no room for: a file of at most this size. Default: none.")
  var kvSwap: String?

  @Option(help: "Folder of that file, which has no name there. Default: the one for temporary files.")
  var kvSwapFolder: String?

  @Option(help: "Keep computed prefixes in this file from one run to the next.")
  var cacheFile: String?

  @Option(help: "How requests get pages back that others needed: cheapest, recompute or swap.")
  var preemption = PreemptionMethod.cheapest.rawValue

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); it must be 1 to 1024")
    }
    if pageSize < 1 || pageSize > 4096 || pageSize & (pageSize - 1) != 0 {
      throw ValidationError("--page-size is \(pageSize); it must be a power of two up to 4096")
    }
    if let contextLength, contextLength < 2 {
      throw ValidationError("--context-length is \(contextLength); it must be at least 2")
    }
    if !(1...65536).contains(maxBatchTokens) {
      throw ValidationError("--max-batch-tokens is \(maxBatchTokens); it must be 1 to 65536")
    }
    _ = try engineOptions()
  }

  func engineOptions() throws -> ModelEngineOptions {
    var options = ModelEngineOptions(threads: threads ?? WorkerPool.usableProcessors)
    guard let type = DType(rawValue: kvType), [.float32, .float16, .bfloat16, .int8].contains(type) else {
      throw ValidationError("--kv-type is \(kvType); it must be float32, float16, bfloat16 or int8")
    }
    options.kvType = type
    guard let layout = KVLayout(rawValue: kvLayout) else {
      throw ValidationError("--kv-layout is \(kvLayout); it must be layer-first or page-first")
    }
    options.kvLayout = layout
    if let kvMemory {
      guard let bytes = ByteSize.parse(kvMemory) else {
        throw ValidationError("--kv-memory is \(kvMemory); write a size such as 512M or 2G")
      }
      options.kvMemory = bytes
    }
    options.pageSize = pageSize
    options.contextLength = contextLength
    options.maxBatchTokens = maxBatchTokens
    options.prefixCaching = prefixCache
    guard let eviction = EvictionPolicy(rawValue: evictionPolicy) else {
      throw ValidationError("--eviction-policy is \(evictionPolicy); it must be lru, lfu, fifo or priority")
    }
    options.evictionPolicy = eviction
    guard let queue = QueuePolicy(rawValue: queuePolicy) else {
      throw ValidationError("--queue-policy is \(queuePolicy); it must be fcfs, lpm, dfs-weight or priority")
    }
    options.queuePolicy = queue
    guard (0...1_000_000).contains(maxOvertakes) else {
      throw ValidationError("--max-overtakes is \(maxOvertakes); it must be 0 to 1000000")
    }
    options.maxOvertakes = maxOvertakes
    guard (0...1_000_000).contains(interTokenTarget) else {
      throw ValidationError("--itl-target is \(interTokenTarget); it must be milliseconds from 0 to 1000000")
    }
    options.interTokenTarget = interTokenTarget == 0 ? nil : interTokenTarget / 1000
    guard (1...1024).contains(decodeSteps) else {
      throw ValidationError("--decode-steps is \(decodeSteps); it must be 1 to 1024")
    }
    options.decodeRounds = decodeSteps
    guard (0...64).contains(draftTokens) else {
      throw ValidationError("--draft-tokens is \(draftTokens); it must be 0 to 64")
    }
    options.draftTokens = draftTokens
    guard let preemption = PreemptionMethod(rawValue: preemption) else {
      throw ValidationError("--preemption is \(preemption); it must be cheapest, recompute or swap")
    }
    options.preemption = preemption
    if let kvSwap {
      guard let bytes = ByteSize.parse(kvSwap) else {
        throw ValidationError("--kv-swap is \(kvSwap); write a size such as 512M or 2G")
      }
      options.secondLevelMemory = bytes
      options.secondLevelFolder = kvSwapFolder ?? Machine.temporaryFolder
    } else if kvSwapFolder != nil {
      throw ValidationError("--kv-swap-folder needs --kv-swap, the size of the file")
    }
    if let cacheFile, !prefixCache {
      throw ValidationError("--cache-file keeps the prefix cache in \(cacheFile), which --no-prefix-cache switches off")
    }
    (options.cacheFile, options.programMark) = (cacheFile, Machine.programMark)
    return options
  }

  /// The file or folder that `--model` means.
  /// - Throws: when it names neither a known model nor something that exists.
  func path() throws -> String {
    guard let known = KnownModel.named(model) else {
      if access(model, R_OK) == 0 { return model }
      throw ValidationError(
        "--model: \(model) is not a file or folder that can be read, nor a known name "
          + "(\(KnownModel.names))")
    }
    let path = known.path(in: SwiftletHome.path)
    guard access(path, R_OK) == 0 else {
      throw ValidationError("\(known.name) is not here yet; fetch it with: swiftlet pull \(known.name)")
    }
    return path
  }

  /// The name under which the model is served.
  func servedName(of files: String) -> String { KnownModel.named(model)?.name ?? files }
}

/// Sizes as people write them.
enum ByteSize {
  /// `4096`, `512K`, `512M`, `2G`, with or without B or iB after the letter; nil for anything else.
  static func parse(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int(digits), count > 0 else { return nil }
    let factor: Int
    switch text.dropFirst(digits.count).uppercased() {
    case "", "B": factor = 1
    case "K", "KB", "KIB": factor = 1 << 10
    case "M", "MB", "MIB": factor = 1 << 20
    case "G", "GB", "GIB": factor = 1 << 30
    default: return nil
    }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
    return overflow ? nil : bytes
  }
}
