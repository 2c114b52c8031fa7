import Checkpoints
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors

/// A dense weight repacked into panels of 16 output features, [K][16] each, in its own element type.
struct FloatPanels: Sendable {
  let storage: Storage
  let kind: KernelsBaseline.FloatPanelKind
  let N: Int, K: Int
  /// Even: the kernels take two at a time; features beyond N are zero.
  var panelCount: Int { (N + 31) / 32 * 2 }

  static func kind(of format: WeightFormat) -> KernelsBaseline.FloatPanelKind? {
    switch format {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }

  /// - weight: [N, K].
  init(packing weight: Tensor, kind: KernelsBaseline.FloatPanelKind, N: Int, K: Int) throws(KernelError) {
    (self.kind, self.N, self.K) = (kind, N, K)
    storage = Storage(byteCount: (N + 31) / 32 * 2 * 16 * K * kind.elementBytes)
    storage.adviseHugePages()
    if kind == .float32 {
      Self.transpose(weight.elements(as: UInt32.self), storage.pointer.assumingMemoryBound(to: UInt32.self), N, K)
    } else {
      Self.transpose(weight.elements(as: UInt16.self), storage.pointer.assumingMemoryBound(to: UInt16.self), N, K)
    }
  }

  private static func transpose<T>(_ source: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>, _ N: Int, _ K: Int) {
    for n in 0..<N {
      let row = source + n * K, panel = out + n / 16 * 16 * K + n % 16
      for k in 0..<K { panel[16 * k] = row[k] }
    }
  }
}

/// A gemm over float panels, in float32 arithmetic.
struct FloatPanelGemm: Kernel {
  private let set: InstructionSet, panels: FloatPanels, bias: Tensor?
  init(_ set: InstructionSet, _ panels: FloatPanels, bias: Tensor?) {
    (self.set, self.panels, self.bias) = (set, panels, bias)
  }

  var firstReads: [UnsafeRawPointer] { panels.storage.firstReads }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    let stream = unsafeDowncast(stream, to: CPUStream.self)
    let a = arguments[0].tensor, c = arguments[1].tensor
    let x = a.elements(as: Float.self), lda = a.strides[0]
    let output = c.elements(as: Float.self), ldc = c.strides[0], bias = bias?.elements(as: Float.self)
    PanelTiles(rows: a.shape[0], panels: panels.panelCount, inputs: panels.K, threads: stream.pool.threadCount)
      .run(on: stream.pool) { rows, range, _ in multiply(x, lda, output, ldc, bias, rows, range) }
  }

  private func multiply(
    _ x: UnsafePointer<Float>, _ lda: Int, _ c: UnsafeMutablePointer<Float>, _ ldc: Int, _ bias: UnsafePointer<Float>?,
    _ rows: Range<Int>, _ range: Range<Int>
  ) {
    let w = UnsafeRawPointer(panels.storage.pointer), kind = panels.kind.rawValue, N = panels.N, K = panels.K
    switch set {
    case .avx512:
      KernelsAVX512.floatPanelGemm(
        KernelsAVX512.FloatPanelKind(rawValue: kind)!, w, x, lda, c, ldc, bias, N, K, rows: rows, panels: range)
    case .avx2:
      KernelsAVX2.floatPanelGemm(
        KernelsAVX2.FloatPanelKind(rawValue: kind)!, w, x, lda, c, ldc, bias, N, K, rows: rows, panels: range)
    case .baseline:
      KernelsBaseline.floatPanelGemm(
        KernelsBaseline.FloatPanelKind(rawValue: kind)!, w, x, lda, c, ldc, bias, N, K, rows: rows, panels: range)
    }
  }
}
