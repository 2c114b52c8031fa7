import Kernels
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors

/// What this machine reaches at best, measured now: the limits that figures are printed beside.
public struct MachineCeilings: Sendable {
  public let threads: Int
  public let instructionSet: InstructionSet
  /// Float32 multiply-adds and dot products of 16-bit integers, in 10⁹ operations a second.
  public let floatGigaflops: Double, integerGigaops: Double
  /// Reading a set of memory of the given size again and again, in 10⁹ bytes a second.
  public let readGigabytes: Double
  public let readSetBytes: Int

  /// Takes about a second.
  /// - readSetBytes: size of the weights whose reading bounds decoding.
  public static func measure(threads: Int, readSetBytes: Int) -> MachineCeilings {
    let set = InstructionSet.allCases.first { $0.isSupported } ?? .baseline
    let pool = WorkerPool(threads: threads)
    let sinks = Tensor(.float32, [threads, 16])
    func sink(_ i: Int) -> UnsafeMutablePointer<Float> { sinks.elements(as: Float.self) + 16 * i }
    let iterations = 2_000_000
    let float = best(of: 5) {
      pool.parallel(threads) { _ = floatPeak(set, iterations, sink($0)) }
      return Double(threads * iterations * 12 * 16 * 2)
    }
    let integer = best(of: 5) {
      pool.parallel(threads) { _ = integerPeak(set, iterations, sink($0)) }
      return Double(threads * iterations * 12 * 32 * 2)
    }
    let memory = Tensor(.float32, [readSetBytes / 4])
    memory.pointer.initializeMemory(as: UInt8.self, repeating: 1, count: memory.byteCount)
    let p = UnsafePointer(memory.elements(as: Float.self)), count = memory.count, part = count / threads
    let read = best(of: 10) {
      pool.parallel(threads) { readAll(set, p + $0 * part, part, sink($0)) }
      return Double(part * threads * 4)
    }
    return MachineCeilings(
      threads: threads, instructionSet: set, floatGigaflops: float / 1e9, integerGigaops: integer / 1e9,
      readGigabytes: read / 1e9, readSetBytes: readSetBytes)
  }

  /// The largest amount per second of several runs: others use the machine too.
  private static func best(of runs: Int, _ body: () -> Double) -> Double {
    let clock = ContinuousClock()
    var best = 0.0
    for _ in 0..<runs {
      let start = clock.now
      let amount = body()
      best = max(best, amount / (clock.now - start).inSeconds)
    }
    return best
  }

  private static func floatPeak(_ set: InstructionSet, _ n: Int, _ sink: UnsafeMutablePointer<Float>) -> Int {
    switch set {
    case .avx512: KernelsAVX512.floatPeak(iterations: n, sink: sink)
    case .avx2: KernelsAVX2.floatPeak(iterations: n, sink: sink)
    case .baseline: KernelsBaseline.floatPeak(iterations: n, sink: sink)
    }
  }

  private static func integerPeak(_ set: InstructionSet, _ n: Int, _ sink: UnsafeMutablePointer<Float>) -> Int {
    switch set {
    case .avx512: KernelsAVX512.integerPeak(iterations: n, sink: sink)
    case .avx2: KernelsAVX2.integerPeak(iterations: n, sink: sink)
    case .baseline: KernelsBaseline.integerPeak(iterations: n, sink: sink)
    }
  }

  private static func readAll(
    _ set: InstructionSet, _ p: UnsafePointer<Float>, _ count: Int, _ sink: UnsafeMutablePointer<Float>
  ) {
    switch set {
    case .avx512: KernelsAVX512.readAll(p, count: count, sink: sink)
    case .avx2: KernelsAVX2.readAll(p, count: count, sink: sink)
    case .baseline: KernelsBaseline.readAll(p, count: count, sink: sink)
    }
  }
}

extension Duration {
  public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
