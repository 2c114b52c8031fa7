import CPUIntrinsics
import Checkpoints
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors

/// A quantised weight repacked into panels of 16 output features (layout: swift/fast/IntegerPanels.swift).
struct IntegerPanels: Sendable {
  let storage: Storage
  /// Raw value of the leaf modules' `PanelKind`.
  let kind: Int
  let blockBytes: Int
  let N: Int, K: Int
  /// Even: the kernels take two at a time; features beyond N are zero.
  var panelCount: Int { (N + 31) / 32 * 2 }

  /// - weight: int8 [N, row bytes]; K a multiple of 32.
  init(packing weight: Tensor, format: WeightFormat, N: Int, K: Int) throws(KernelError) {
    let kind: KernelsBaseline.PanelKind
    switch format {
    case .q4_0, .q4_1: kind = .nibbleMinimumHalf
    case .q8_0: kind = .byteSymmetricHalf
    case .q4_k: kind = .nibbleMinimumFloat
    case .q5_k, .q6_k: kind = .bytePairMinimumFloat
    default: throw KernelError(.buildFailed, "\(format.rawValue) is not a block format")
    }
    (self.kind, blockBytes, self.N, self.K) = (kind.rawValue, kind.blockBytes, N, K)
    let blocks = K / 32, panels = (N + 31) / 32 * 2
    storage = Storage(byteCount: panels * blocks * kind.blockBytes)
    storage.adviseHugePages()
    let rowBytes = K / format.blockElements * format.blockBytes
    for n in 0..<N {
      let row = UnsafeRawPointer(weight.pointer) + n * rowBytes
      let panel = storage.pointer + n / 16 * blocks * kind.blockBytes
      for b in 0..<blocks {
        Self.pack(format, row, block: b, into: panel + b * kind.blockBytes, lane: n % 16)
      }
    }
    if format == .q4_0 { try Self.checkMinima(storage, kind.blockBytes) }
  }

  /// Puts 32 weights of one feature into its lane of a panel block.
  private static func pack(
    _ format: WeightFormat, _ row: UnsafeRawPointer, block b: Int, into out: UnsafeMutableRawPointer, lane: Int
  ) {
    switch format {
    case .q4_0, .q4_1:
      // The file's byte j holds k = j and k = j + 16, as the panel's does: whole words move.
      let bytes = format == .q4_0 ? 18 : 20, source = row + b * bytes
      for s in 0..<4 {
        let word = source.loadUnaligned(fromByteOffset: bytes - 16 + 4 * s, as: UInt32.self)
        out.storeBytes(of: word, toByteOffset: s * 64 + lane * 4, as: UInt32.self)
      }
      let d = source.loadUnaligned(as: UInt16.self)
      let m =
        format == .q4_1
        ? source.loadUnaligned(fromByteOffset: 2, as: UInt16.self) : (Float16(bitPattern: d) * -8).bitPattern
      out.storeBytes(of: d, toByteOffset: 256 + 2 * lane, as: UInt16.self)
      out.storeBytes(of: m, toByteOffset: 288 + 2 * lane, as: UInt16.self)
    case .q8_0:
      let source = row + b * 34
      for s in 0..<8 {
        let word = source.loadUnaligned(fromByteOffset: 2 + 4 * s, as: UInt32.self)
        out.storeBytes(of: word, toByteOffset: s * 64 + lane * 4, as: UInt32.self)
      }
      out.storeBytes(of: source.loadUnaligned(as: UInt16.self), toByteOffset: 512 + 2 * lane, as: UInt16.self)
    case .q4_k:
      let codes = SuperBlock.codes(format, row, block: b)
      for s in 0..<4 {
        for i in 0..<4 {
          let byte = codes.q[4 * s + i] | codes.q[16 + 4 * s + i] << 4
          out.storeBytes(of: byte, toByteOffset: s * 64 + lane * 4 + i, as: UInt8.self)
        }
      }
      out.storeBytes(of: codes.scale.0, toByteOffset: 256 + 4 * lane, as: Float.self)
      out.storeBytes(of: codes.minimum.0, toByteOffset: 320 + 4 * lane, as: Float.self)
    default:
      let codes = SuperBlock.codes(format, row, block: b)
      for k in 0..<32 { out.storeBytes(of: codes.q[k], toByteOffset: k / 4 * 64 + lane * 4 + k % 4, as: UInt8.self) }
      out.storeBytes(of: codes.scale.0, toByteOffset: 512 + 4 * lane, as: Float.self)
      out.storeBytes(of: codes.minimum.0, toByteOffset: 576 + 4 * lane, as: Float.self)
      out.storeBytes(of: codes.scale.1, toByteOffset: 640 + 4 * lane, as: Float.self)
      out.storeBytes(of: codes.minimum.1, toByteOffset: 704 + 4 * lane, as: Float.self)
    }
  }

  /// Q4_0's minimum, -8 d, is kept in half precision: exact unless it overflows.
  private static func checkMinima(_ storage: Storage, _ blockBytes: Int) throws(KernelError) {
    for block in stride(from: 0, to: storage.byteCount, by: blockBytes) {
      for lane in 0..<16 {
        let m = (storage.pointer + block + 288 + 2 * lane).load(as: Float16.self)
        if m.isInfinite { throw KernelError(.buildFailed, "a Q4_0 scale is above 8188, beyond what is supported") }
      }
    }
  }
}

/// A gemm over integer panels: activations are quantised row by row, then tiles run on all threads.
struct IntegerPanelGemm: Kernel {
  private let set: InstructionSet, panels: IntegerPanels, bias: Tensor?
  /// What the quantised rows are called, for other weights that meet the same activations. Short enough to need no memory
  /// of its own.
  private let form: String
  init(_ set: InstructionSet, _ panels: IntegerPanels, bias: Tensor?) {
    (self.set, self.panels, self.bias) = (set, panels, bias)
    form = "int16 \(set.rawValue)"
  }

  var firstReads: [UnsafeRawPointer] { panels.storage.firstReads }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    let stream = unsafeDowncast(stream, to: CPUStream.self)
    let a = arguments[0].tensor, c = arguments[1].tensor
    let M = a.shape[0], K = panels.K
    if M == 0 { return }
    let lda = a.strides[0], x = a.elements(as: Float.self)
    // Scratch: q, M K times int16, then float32: scales and offsets, M K / 32 times, half_offsets, M K / 16 times.
    let blocks = K / 32
    let (scratch, isQuantised) = stream.form(form, of: a, byteCount: M * K * 2 + 16 * M * blocks)
    let scales = (scratch + M * K * 2).bindMemory(to: Float.self, capacity: 4 * M * blocks)
    let rows = QuantizedRows(
      q: scratch.bindMemory(to: Int16.self, capacity: M * K), scales: scales, offsets: scales + M * blocks,
      half_offsets: scales + 2 * M * blocks)
    let tiles = PanelTiles(rows: M, panels: panels.panelCount, inputs: K, threads: stream.pool.threadCount)
    let pool = stream.pool
    if !isQuantised {
      let (chunks, size) = rowChunks(M, minimum: 4, threads: pool.threadCount)
      pool.parallel(chunks) { chunk in
        for m in (chunk * size)..<min(M, (chunk + 1) * size) {
          quantise(x + m * lda, rows, row: m, of: M, K)
          if M > 1 { fetch(share: m, of: M, tiles, pool) }
        }
      }
    }
    let output = c.elements(as: Float.self), ldc = c.strides[0], bias = bias?.elements(as: Float.self)
    tiles.run(on: pool) { range, panels, next in multiply(rows, output, ldc, bias, range, panels, next) }
  }

  /// Asks for some of the panels with which the thread that quantises row `row` of `rows` will probably begin: a tile
  /// asks only for those that follow its own.
  private func fetch(share row: Int, of rows: Int, _ tiles: PanelTiles, _ pool: WorkerPool) {
    let pair = 2 * (panels.K / 32) * panels.blockBytes, thread = row * pool.threadCount / rows
    let first = tiles.firstPanel(ofThread: thread, in: pool)
    if first >= panels.panelCount { return }
    let start = panels.storage.pointer + first / 2 * pair
    let begin = pool.firstChunk(ofThread: thread, of: rows), end = pool.firstChunk(ofThread: thread + 1, of: rows)
    let own = max(1, end - begin), place = max(0, row - begin)
    for at in stride(from: place * pair / own, to: min(pair, (place + 1) * pair / own), by: 64) {
      cpu_prefetch_far(start + at)
    }
  }

  private func quantise(_ x: UnsafePointer<Float>, _ a: QuantizedRows, row m: Int, of rows: Int, _ K: Int) {
    switch set {
    case .avx512: KernelsAVX512.quantizeActivations(x, a, row: m, of: rows, K)
    case .avx2: KernelsAVX2.quantizeActivations(x, a, row: m, of: rows, K)
    case .baseline: KernelsBaseline.quantizeActivations(x, a, row: m, of: rows, K)
    }
  }

  private func multiply(
    _ a: QuantizedRows, _ c: UnsafeMutablePointer<Float>, _ ldc: Int, _ bias: UnsafePointer<Float>?, _ rows: Range<Int>,
    _ range: Range<Int>, _ next: Int
  ) {
    let w = UnsafeRawPointer(panels.storage.pointer), kind = panels.kind, N = panels.N, K = panels.K
    switch set {
    case .avx512:
      KernelsAVX512.integerPanelGemm(
        KernelsAVX512.PanelKind(rawValue: kind)!, w, a, c, ldc, bias, N, K, rows: rows, panels: range, next: next)
    case .avx2:
      KernelsAVX2.integerPanelGemm(
        KernelsAVX2.PanelKind(rawValue: kind)!, w, a, c, ldc, bias, N, K, rows: rows, panels: range, next: next)
    case .baseline:
      KernelsBaseline.integerPanelGemm(
        KernelsBaseline.PanelKind(rawValue: kind)!, w, a, c, ldc, bias, N, K, rows: rows, panels: range, next: next)
    }
  }
}
