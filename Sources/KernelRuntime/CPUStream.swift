import Tensors

/// The CPU as a stream: kernels run at once, on the calling thread and a pool of helpers.
///
/// Not Sendable: one engine thread owns it. Scratch memory is handed out per call and reused by the next call.
public final class CPUStream: ExecutionStream {
  public let pool: WorkerPool
  public var phase: KernelPhase?
  private var scratch = Storage(byteCount: 1 << 20)

  /// - Parameter threads: all threads, the caller included; at least 1.
  public init(threads: Int) { pool = WorkerPool(threads: threads) }

  public var device: Device { .cpu }
  public func synchronize() {}

  /// Memory for the running kernel, 64-byte aligned, valid until the next call of this function. Contents undefined.
  public func scratch(byteCount: Int) -> UnsafeMutableRawPointer {
    if byteCount > scratch.byteCount { scratch = Storage(byteCount: byteCount + byteCount / 2) }
    return scratch.pointer
  }
}
