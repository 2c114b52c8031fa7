import Generation
import Glibc
import KernelRuntime
import Kernels
import Models
import PageStorage
import Paging
import Scheduling
import TestSupport
import Tensors

/// How the work of a run is cut.
struct Cut: Sendable, CustomStringConvertible {
  var description: String
  var maxRunning = 8, maxBatchTokens = 256, pageSize = 16, threads = 2, prefixCaching = true
  /// How the newest sequence is preempted before every step, if at all.
  var preemption: PreemptionMethod?
  /// Whether all cached pages go to the second level before every step.
  var evictsCache = false
  /// Positions that the pool holds, and the second level.
  var poolTokens = 8192, secondLevelTokens = 0
  var decodeRounds = 1, draftTokens = 0
  var layout = KVLayout.layerFirst
  /// Whether chunks of prompts beside decoding sequences are shed, somewhere else each time.
  var sheds = false
  /// How often the same requests run one after the other on the same engine.
  var passes = 1
}

/// A request of the suite.
struct SuiteRequest: Sendable {
  var prompt: [Int32]
  var outputs: Int
  var temperature: Float

  /// The random number for an output: the request's and the place's alone.
  func uniform(at index: Int) -> Float {
    var hash = UInt64(prompt.count) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(UInt32(bitPattern: prompt[0]))
    hash = (hash ^ UInt64(index)) &* 0xBF58_476D_1CE4_E5B9
    return Float((hash ^ hash >> 31) >> 40) * 0x1p-24
  }
  func draw(at index: Int) -> Draw { Draw(temperature: temperature, topK: 40, uniform: uniform(at: index)) }
}

/// What became of a request: the tokens, and of each the logits that it was chosen from.
struct SuiteAnswer: Sendable {
  var tokens: [Int32] = []
  var logits: [[Float]] = []
}

/// The default model under a scheduler, driven step by step.
final class InvarianceRun {
  struct Problem: Error, CustomStringConvertible { let description: String }

  private let files: ModelFiles
  private let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: .auto)
  /// By page size: packing weights takes longer than a run.
  private var decoders: [Int: Decoder] = [:]
  static let contextLength = 256

  init(_ path: String) throws { files = try ModelFiles.open(path) }

  /// What was counted in the last run.
  private(set) var preemptions = 0, swaps = 0, loadedPages = 0, acceptedTokens = 0, rounds = 0
  private(set) var hitTokens = 0, shedChunks = 0

  /// Runs the requests; compares logits with those of `expected` as they come, or keeps them when there are none.
  func run(_ cut: Cut, _ requests: [SuiteRequest], expected: [SuiteAnswer]? = nil) throws -> [SuiteAnswer] {
    let limits = try SchedulerConfiguration(
      pageSize: cut.pageSize, pageCount: cut.poolTokens / cut.pageSize, contextLength: Self.contextLength,
      vocabularySize: files.configuration.vocabularySize, maxBatchTokens: cut.maxBatchTokens,
      maxRunning: cut.maxRunning, prefixCaching: cut.prefixCaching, interTokenTarget: cut.sheds ? 1e6 : nil,
      decodeRounds: cut.decodeRounds,
      draftTokens: cut.draftTokens, secondLevelPages: cut.secondLevelTokens / cut.pageSize,
      preemption: cut.preemption ?? .cheapest)
    var runner = try makeRunner(cut, limits), scheduler = Scheduler(limits), answers: [SuiteAnswer] = []
    scheduler.canShed = cut.sheds
    rounds = 0
    for _ in 0..<cut.passes {
      answers = requests.map { _ in SuiteAnswer() }
      var numbers: [Int: Int] = [:]
      for (number, asked) in requests.enumerated() {
        var request = GenerationRequest(id: "\(number)", prompt: asked.prompt, maxTokens: asked.outputs)
        request.stop.ignoresStopTokens = true
        numbers[try scheduler.submit(request)] = number
      }
      var steps = 0
      while !scheduler.isIdle {
        steps += 1
        guard steps < 20_000 else { throw Problem(description: "\(cut): no end") }
        if let method = cut.preemption { scheduler.preemptNewest(by: method) }
        if cut.evictsCache { scheduler.evictCache() }
        var next = scheduler.schedule()
        while let batch = next {
          try step(batch, &scheduler, &runner, requests, numbers, &answers, expected, cut)
          try scheduler.checkInvariants()
          next = batch.rounds > 1 ? scheduler.scheduleNext(after: batch) : nil
          if next != nil { rounds += 1 }
        }
      }
    }
    (preemptions, swaps, acceptedTokens) = (scheduler.preemptions, scheduler.swaps, scheduler.acceptedTokens)
    shedChunks = scheduler.shedChunks
    (loadedPages, hitTokens) = (scheduler.cacheStatistics.loadedPages, scheduler.cacheStatistics.hitTokens)
    return answers
  }

  private func makeRunner(_ cut: Cut, _ limits: SchedulerConfiguration) throws -> DecoderRunner {
    let model = files.configuration
    let decoder =
      try decoders[cut.pageSize]
      ?? Decoder.load(
        files, library: library, pageSize: cut.pageSize, cacheType: .float16, contextLength: Self.contextLength)
    decoders[cut.pageSize] = decoder
    let kv = KVStore(
      model, pageCount: limits.pageCount, pageSize: cut.pageSize, dtype: .float16, layout: cut.layout)
    return DecoderRunner(
      model: decoder, kv: kv,
      workspace: DecoderWorkspace(model, maxTokens: limits.maxBatchTokens, maxSampledRows: limits.maxSampledRows),
      sampler: try TokenSampler(library, vocabularySize: model.vocabularySize, maxRows: limits.maxSampledRows),
      stream: CPUStream(threads: cut.threads),
      pageFile: limits.secondLevelPages > 0
        ? try PageFile(directory: "/tmp", slotCount: limits.secondLevelPages, slotBytes: kv.bytesPerPage) : nil)
  }

  private func step(
    _ batch: Batch, _ scheduler: inout Scheduler, _ runner: inout DecoderRunner, _ requests: [SuiteRequest],
    _ numbers: [Int: Int], _ answers: inout [SuiteAnswer], _ expected: [SuiteAnswer]?, _ cut: Cut
  ) throws {
    let failed = runner.copy(batch.copies)
    guard scheduler.noteCopies(batch, failed: failed) else {
      throw Problem(description: "\(cut): a page could not be copied")
    }
    // Those that are shed leave their company behind another half each time, and go on by themselves for some rows of one,
    // or for a few.
    var batch = batch, progress: Double?, left = scheduler.shedChunks * 5 % 9 + 1
    let half = 1 + scheduler.shedChunks * 7 % (2 * files.configuration.layerCount - 1)
    try runner.forward(batch) { pass in
      switch pass.part {
      case .kept: return pass.rows
      case .together: return pass.done == half ? 0 : pass.rows
      case .others:
        left -= 1
        if left >= 0 { return 1 + (pass.ahead + left) % pass.rows }
        if pass.done < pass.count { progress = pass.way }
        return 0
      }
    }
    if let progress { batch = scheduler.shed(batch, after: progress) }
    var draws: [Draw] = []
    for entry in batch.sequences {
      let number = numbers[entry.handle] ?? 0
      for ahead in 0..<entry.rowCount { draws.append(requests[number].draw(at: answers[number].tokens.count + ahead)) }
    }
    let tokens = draws.isEmpty ? [] : try runner.sample(draws)
    for update in scheduler.commit(batch, sampled: tokens) {
      guard let number = numbers[update.handle], let row = update.row, let token = update.token else {
        throw Problem(description: "\(cut): \(update)")
      }
      let place = answers[number].tokens.count
      let logits = UnsafeBufferPointer(runner.logits(row))
      if let expected {
        let isSame = expected[number].logits[place].withUnsafeBytes {
          memcmp($0.baseAddress!, logits.baseAddress!, $0.count) == 0
        }
        guard isSame else { throw Problem(description: "\(cut): request \(number), output \(place): other logits") }
      } else {
        answers[number].logits.append(Array(logits))
      }
      answers[number].tokens.append(token)
    }
  }
}
