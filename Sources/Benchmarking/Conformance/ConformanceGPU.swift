import KernelRuntime
import Tensors

/// A GPU of this machine.
public final class ConformanceGPU: ConformanceDevice {
  private let cudaStream: CUDAStream

  public init(_ stream: CUDAStream) { cudaStream = stream }

  public var device: Device { cudaStream.device }
  public var stream: any ExecutionStream { cudaStream }

  public func upload(_ bytes: Storage) throws(KernelError) -> Storage {
    do {
      let memory = try cudaStream.tensor(.int8, [max(1, bytes.byteCount)]).storage
      try cudaStream.copy(Self.view(bytes, bytes.byteCount), to: Self.view(memory, bytes.byteCount))
      return memory
    } catch { throw KernelError(.runFailed, "\(error)") }
  }

  public func download(_ bytes: Storage, into host: Storage) throws(KernelError) {
    do {
      try cudaStream.copy(Self.view(bytes, host.byteCount), to: Self.view(host, host.byteCount))
    } catch { throw KernelError(.runFailed, "\(error)") }
  }

  private static func view(_ storage: Storage, _ byteCount: Int) -> Tensor {
    Tensor(viewing: storage, .int8, [byteCount])
  }
}
