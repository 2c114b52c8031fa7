import CUDADriver
import Tensors

/// A GPU as a stream: kernels are queued and run in order; calls return before they are done.
///
///     let stream = try CUDAStream(CUDADriver().device(0).context())
///     let x = try stream.tensor(copying: hostTensor)
///     try kernel.apply([.tensor(x), .tensor(y)], on: stream)
///     let result = try stream.hostCopy(of: y)          // waits
///
/// Not Sendable: one thread owns it. Scratch memory is kept between calls and grows; work on a stream is in order, so the next
/// kernel may use it again.
public final class CUDAStream: ExecutionStream {
  public let driverStream: DriverStream
  public let device: Device
  public var phase: KernelPhase?
  private var scratch: DeviceMemory?
  private var isCapturing = false

  public var context: CUDAContext { driverStream.context }

  public init(_ context: CUDAContext) throws(CUDAError) {
    driverStream = try context.makeStream()
    device = .cuda(ordinal: context.device.ordinal)
  }

  /// Waits until everything is done.
  /// - Throws: `CUDAError`, for what kernels did as well.
  public func synchronize() throws { try driverStream.synchronize() }

  /// Memory for the running kernel, 256-byte aligned, until the next call of this function. Contents undefined.
  /// - Throws: `invalid` when a graph is being recorded and the memory so far is too small: what a graph uses must stay.
  public func scratch(byteCount: Int) throws(CUDAError) -> UInt64 {
    if let scratch, scratch.byteCount >= byteCount { return scratch.address }
    if isCapturing {
      throw CUDAError(
        .invalid,
        "a kernel wants \(byteCount) bytes of scratch memory while a graph is recorded, and the stream has "
          + "\(scratch?.byteCount ?? 0): run it once before recording")
    }
    scratch = nil  // freed in the stream's order
    let memory = try driverStream.allocate(byteCount: max(1 << 20, byteCount + byteCount / 2))
    scratch = memory
    return memory.address
  }

  /// Records what `body` queues on this stream, to be replayed with the same arguments.
  /// - Throws: what `body` throws, or `runFailed` with what the driver says.
  public func capture(_ body: () throws(KernelError) -> Void) throws(KernelError) -> CapturedLaunches {
    isCapturing = true
    defer { isCapturing = false }
    let graph = try driverStream.capture(body) { KernelError(.runFailed, $0.description) }
    return CapturedLaunches(graph: graph, scratch: scratch)
  }

  /// Queues all of a recording.
  public func replay(_ launches: CapturedLaunches) throws(KernelError) {
    do throws(CUDAError) {
      try launches.graph.launch(on: driverStream)
    } catch {
      throw KernelError(.runFailed, error.description)
    }
  }
}

/// A recording of a stream's launches. The tensors that they were called with are the caller's to keep.
public struct CapturedLaunches: Sendable {
  let graph: CUDAGraph
  /// Kept: the launches have its address.
  let scratch: DeviceMemory?
}
