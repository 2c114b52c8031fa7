import CUDADriver
import KernelRuntime
import Tensors

/// What a GPU reaches at best, measured in the same run as the kernels.
public struct DeviceCeilings: Sendable {
  /// Bytes read and written by copies of large memory, a second.
  public let copyBandwidth: Double
  /// Operations a second of a large bfloat16 matrix product by cuBLASLt; nil without that library.
  public let matrixRate: Double?
  /// Why there is no matrix rate.
  public let matrixReason: String?

  /// - library: cuBLASLt.
  public static func measure(
    on stream: CUDAStream, library: String = "libcublasLt.so.13", copyBytes: Int = 1 << 30, size: Int = 8192
  ) throws -> DeviceCeilings {
    let bytes = max(1 << 16, min(copyBytes, try stream.context.memory().free / 8))
    let source = try stream.tensor(.int8, [bytes]), target = try stream.tensor(.int8, [bytes])
    let copy = try DeviceClock.seconds(of: 5, on: stream) { () throws(KernelError) in
      do throws(CUDAError) { try stream.copy(source, to: target) } catch { throw KernelError(.runFailed, "\(error)") }
    }
    let (rate, reason) = matrix(library, size, stream)
    return DeviceCeilings(
      copyBandwidth: 2 * Double(bytes) / (copy.min() ?? .infinity), matrixRate: rate, matrixReason: reason)
  }

  private static func matrix(_ library: String, _ size: Int, _ stream: CUDAStream) -> (Double?, String?) {
    if let absence = CUBLASLt.absence(path: library) { return (nil, absence) }
    do {
      let blas = try CUBLASLt(path: library, stream.context)
      let product = try blas.product(of: .bfloat16, m: size, n: size, k: size)
      let workspace = try stream.context.allocate(byteCount: max(1, product.workspaceBytes))
      let a = try stream.context.allocate(byteCount: 2 * size * size)
      let b = try stream.context.allocate(byteCount: 2 * size * size)
      let c = try stream.context.allocate(byteCount: 2 * size * size)
      // 0x3C3C is 0.0115: no zeros, which draw less power.
      for memory in [a, b] { try stream.driverStream.fill(memory.address, with: 0x3C, byteCount: memory.byteCount) }
      let times = try DeviceClock.seconds(of: 5, on: stream) { () throws(KernelError) in
        do throws(CUDAError) {
          try product.run(
            a: a.address, b: b.address, into: c.address, workspace: workspace, on: stream.driverStream)
        } catch { throw KernelError(.runFailed, "\(error)") }
      }
      let operations = 2 * Double(size) * Double(size) * Double(size)
      return (times.min().map { operations / $0 }, nil)
    } catch {
      return (nil, "\(error)")
    }
  }

  /// The least time for a work.
  public func seconds(_ cost: WorkCost) -> Double {
    max(cost.bytes / copyBandwidth, matrixRate.map { cost.operations / $0 } ?? 0)
  }
}
