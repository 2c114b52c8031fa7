import KernelRuntime
import Kernels
import Models
import Tensors

/// Runs sequences through a decoder by hand: what the engine does, without an engine.
struct SequenceRunner {
  let decoder: Decoder
  let kv: KVStore
  let workspace: DecoderWorkspace
  let stream: CPUStream
  let pageSize: Int

  init(
    _ files: ModelFiles, kernels: [KernelFlavor], cacheType: DType = .float32, pageSize: Int = 16, tokens: Int = 256,
    threads: Int = 2, layout: KVLayout = .layerFirst
  ) throws {
    let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: KernelPolicy(preferred: kernels))
    decoder = try Decoder.load(
      files, library: library, pageSize: pageSize, cacheType: cacheType, contextLength: tokens)
    kv = KVStore(
      files.configuration, pageCount: (tokens + pageSize - 1) / pageSize * 4, pageSize: pageSize, dtype: cacheType,
      layout: layout)
    workspace = DecoderWorkspace(files.configuration, maxTokens: tokens, maxSampledRows: tokens)
    stream = CPUStream(threads: threads)
    self.pageSize = pageSize
  }

  /// A stretch of one sequence; `slot` is which quarter of the pages it uses.
  struct Piece {
    var tokens: [Int32]
    var start = 0
    var slot = 0
    /// Whether all its rows are wanted, or the last one only.
    var allRows = false
  }

  /// One step. Returns the logits of each piece's wanted rows, in order.
  func step(_ pieces: [Piece], observe: ((Int, Tensor) -> Void)? = nil) throws -> [[Float]] {
    try step(pieces, shedding: nil, observe: observe).logits
  }

  /// One step that may leave the last pieces out. Returns the logits of what was computed, and the rows that were left out.
  func step(
    _ pieces: [Piece], shedding: Shedding?, observe: ((Int, Tensor) -> Void)? = nil
  ) throws -> (logits: [[Float]], shed: PausedRows?) {
    var tokens: [Int32] = [], positions: [Int32] = [], slots: [Int32] = []
    var qo: [Int32] = [0], table: [Int32] = [0], pages: [Int32] = [], last: [Int32] = [], rows: [Int] = []
    let quarter = kv.pageCount / 4
    for piece in pieces {
      let end = piece.start + piece.tokens.count, count = (end + pageSize - 1) / pageSize
      // Backwards, so that page numbers are not positions.
      let own = (0..<count).map { Int32((piece.slot + 1) * quarter - 1 - $0) }
      for (i, token) in piece.tokens.enumerated() {
        let position = piece.start + i
        tokens.append(token)
        positions.append(Int32(position))
        slots.append(own[position / pageSize] * Int32(pageSize) + Int32(position % pageSize))
        if piece.allRows || i == piece.tokens.count - 1 { rows.append(tokens.count - 1) }
      }
      qo.append(Int32(tokens.count))
      pages += own
      table.append(Int32(pages.count))
      last.append(Int32((end - 1) % pageSize + 1))
    }
    let batch = ForwardBatch(
      tokens: tokens, positions: positions, slots: slots, qoIndptr: qo, kvIndptr: table, kvIndices: pages,
      kvLastPageLen: last, sampledRows: rows)
    let (logits, shed) = try decoder.forward(
      batch, kv: kv, workspace: workspace, shedding: shedding, on: stream, observe: observe)
    let width = logits.shape[1], values = logits.floats
    return ((0..<logits.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }, shed)
  }

  /// The prompt in one step, then greedy tokens one by one.
  func greedy(_ prompt: [Int32], count: Int) throws -> [Int32] {
    var output: [Int32] = [], position = 0
    var next = prompt
    while output.count < count {
      let logits = try step([Piece(tokens: next, start: position)])[0]
      position += next.count
      let token = argmax(logits)
      output.append(token)
      next = [token]
    }
    return output
  }
}

func argmax(_ logits: [Float]) -> Int32 {
  var best = 0
  for i in logits.indices where logits[i] > logits[best] { best = i }
  return Int32(best)
}

func largestDifference(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Float {
  a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}
