import KernelRuntime
import Models
import PageStorage
import Paging
import Scheduling
import Tensors
import Tokenization

/// The real model behind the engine: turns a `Batch` into device tensors and runs the decoder on it.
public struct DecoderRunner: ModelRunning {
  private let model: any Model
  private let kv: KVStore
  private let workspace: DecoderWorkspace
  private let sampler: TokenSampler
  private let stream: any ExecutionStream
  private let switchboard: KernelSwitchboard?
  private var logits: Tensor
  private var paused: Paused?
  /// The slots that pages are copied to, if there is a second level.
  private let pageFile: PageFile?
  private let report: @Sendable (String) -> Void
  public let savedCache: SavedCache?

  /// - workspace: for at least the scheduler's largest step. switchboard: changes of kernels that wait for a step's end.
  /// - pageFile: has a slot of a page's bytes for each page of the scheduler's second level.
  /// - cacheFile: where the prefix cache is kept while the engine does not run, and what its pages depend on.
  /// - report: told what goes wrong with copies.
  public init(
    model: any Model, kv: KVStore, workspace: DecoderWorkspace, sampler: TokenSampler, stream: any ExecutionStream,
    switchboard: KernelSwitchboard? = nil, pageFile: PageFile? = nil,
    cacheFile: (path: String, fingerprint: [CacheArchiveHeader.Field])? = nil,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    (self.pageFile, self.report) = (pageFile, report)
    savedCache = cacheFile.map { file in
      SavedCache(
        path: file.path,
        header: CacheArchiveHeader(
          fingerprint: file.fingerprint, pageTokens: kv.pageSize, pageBytes: kv.bytesPerPage),
        regions: { kv.regions(ofPage: Int($0)) }, report: report)
    }
    (self.model, self.kv, self.workspace) = (model, kv, workspace)
    (self.sampler, self.stream, self.switchboard) = (sampler, stream, switchboard)
    logits = Tensor(.float32, [0, model.configuration.vocabularySize])
  }

  public var vocabularySize: Int { model.configuration.vocabularySize }

  public mutating func betweenSteps() -> Bool {
    guard let switchboard, switchboard.betweenSteps() else { return false }
    paused = nil
    return true
  }

  /// Only where layers have been computed when their kernels return.
  public var canShed: Bool { stream.device == .cpu }

  public mutating func forward(_ batch: Batch, room: RoomCheck?) throws {
    // Guesses do not make a prompt of a decoding sequence.
    stream.phase = batch.sequences.contains(where: \.isChunk) ? .prefill : .decode
    let shedding = shedding(batch, room)
    paused = nil
    let result = try model.forward(
      Self.forwardBatch(batch), kv: kv, workspace: workspace, shedding: shedding, on: stream)
    logits = result.logits
    if let rows = result.shed, let limit = batch.limit {
      paused = Paused(sequences: Array(batch.sequences[limit.kept...]), rows: rows)
    }
  }

  /// What the last step has shed.
  private struct Paused {
    let sequences: [BatchSequence]
    let rows: PausedRows
  }

  /// What was shed goes on where it left, if it is all there again: the same tokens in the same pages, which nobody has
  /// written since. Otherwise it is computed from the beginning.
  private func shedding(_ batch: Batch, _ room: RoomCheck?) -> Shedding? {
    let kept = batch.limit?.kept ?? max(0, batch.sequences.count - (paused?.sequences.count ?? 0))
    let comesAgain = paused?.sequences == Array(batch.sequences.dropFirst(kept))
    let resumed = comesAgain && batch.resumes && !loads(batch) ? paused?.rows : nil
    if let room, let limit = batch.limit {
      return Shedding(kept: kept, isTogether: limit.isTogether, resumed: resumed, room: room)
    }
    return resumed.map { Shedding(kept: kept, isTogether: false, resumed: $0) { $0.rows } }
  }

  /// Whether pages of what was shed are filled with something else before the step.
  private func loads(_ batch: Batch) -> Bool {
    batch.copies.contains { copy in
      guard case .load(_, let page) = copy else { return false }
      return paused?.sequences.contains { $0.pages.contains(page) } ?? false
    }
  }

  public mutating func copy(_ copies: [PageCopy]) -> [Bool] {
    guard let pageFile else { return copies.map { _ in true } }
    return copies.map { copy in
      do throws(PageStorageError) {
        switch copy {
        case .save(let page, let slot):
          let regions = kv.regions(ofPage: Int(page)).map { UnsafeRawBufferPointer($0) }
          try pageFile.save(regions, to: Int(slot))
        case .load(let slot, let page): try pageFile.load(Int(slot), into: kv.regions(ofPage: Int(page)))
        }
        return false
      } catch {
        report("a page of keys and values will be computed again: \(error)")
        return true
      }
    }
  }

  /// The slower of saving and loading. Before anything was measured, a gigabyte a second.
  public var secondsPerPageCopy: Double {
    guard let pageFile else { return 0 }
    let measured = [pageFile.saves.secondsPerByte, pageFile.loads.secondsPerByte].compactMap { $0 }
    return (measured.max() ?? 1e-9) * Double(kv.bytesPerPage)
  }

  public func logits(_ row: Int) -> UnsafeMutableBufferPointer<Float> {
    let width = vocabularySize
    return UnsafeMutableBufferPointer(start: logits.elements(as: Float.self) + row * width, count: width)
  }

  public mutating func sample(_ draws: [Draw]) throws -> [TokenID] {
    let rows = draws.map {
      TokenSampler.Row(
        temperature: $0.temperature, topK: Int32(clamping: $0.topK), topP: $0.topP, minP: $0.minP, uniform: $0.uniform)
    }
    return try sampler.sample(rows, logits: logits, on: stream)
  }

  /// Flattens the sequences into FlashInfer's CSR form.
  static func forwardBatch(_ batch: Batch) -> ForwardBatch {
    let pageSize = batch.pageSize
    var tokens: [Int32] = [], positions: [Int32] = [], slots: [Int32] = []
    var qoIndptr: [Int32] = [0], kvIndptr: [Int32] = [0], kvIndices: [Int32] = [], lastPageLen: [Int32] = []
    var sampledRows: [Int] = []
    for sequence in batch.sequences {
      for (i, token) in sequence.tokens.enumerated() {
        let position = sequence.startPosition + i
        tokens.append(token)
        positions.append(Int32(position))
        slots.append(Int32(Int(sequence.pages[position / pageSize]) * pageSize + position % pageSize))
      }
      kvIndices += sequence.pages.map { Int32($0) }
      kvIndptr.append(Int32(kvIndices.count))
      lastPageLen.append(Int32((sequence.endPosition - 1) % pageSize + 1))
      qoIndptr.append(Int32(tokens.count))
      sampledRows += tokens.count - sequence.rowCount..<tokens.count
    }
    return ForwardBatch(
      tokens: tokens, positions: positions, slots: slots, qoIndptr: qoIndptr, kvIndptr: kvIndptr,
      kvIndices: kvIndices, kvLastPageLen: lastPageLen, sampledRows: sampledRows)
  }
}
