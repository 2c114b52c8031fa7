import Glibc
import KernelRuntime
import Tensors

/// Where checked kernels find their arguments: the CPU's memory, or a GPU's.
public protocol ConformanceDevice {
  var device: Device { get }
  var stream: any ExecutionStream { get }
  /// Memory of the device with the same bytes, aligned to 256 bytes; on the CPU the very same memory.
  func upload(_ bytes: Storage) throws(KernelError) -> Storage
  /// Waits for the stream, and brings back what the device's memory holds now.
  func download(_ bytes: Storage, into host: Storage) throws(KernelError)
}

/// Kernels that run here: natively, or by emulating a GPU.
public struct ConformanceCPU: ConformanceDevice {
  private let cpuStream: CPUStream
  public init(threads: Int) { cpuStream = CPUStream(threads: threads) }
  public var device: Device { .cpu }
  public var stream: any ExecutionStream { cpuStream }
  public func upload(_ bytes: Storage) -> Storage { bytes }
  public func download(_ bytes: Storage, into host: Storage) {}
}

/// One argument in guarded memory: bytes before, after and, where its rows lie apart, between them that no kernel may write.
///
/// They are 0xFF: a kernel that reads them finds NaN.
final class GuardedArgument {
  /// Bytes before and after: the tensor is aligned to 16 bytes, and to no more.
  private static let before = 272, after = 256
  private let host: Storage, untouched: Storage, onDevice: Storage
  private let shape: Shape, dtype: DType, offset: Int, outerStride: Int

  /// What a kernel gets.
  let tensor: Tensor

  /// - source: contiguous content; nil fills with 0xFF, NaN in every floating type.
  /// - gap: elements between neighbours on the outermost axis.
  /// - isGuarded: false gives the tensor an allocation of its own, for a sanitizer to watch.
  init(
    _ source: Tensor?, _ dtype: DType, _ shape: Shape, gap: Int, isGuarded: Bool, on device: any ConformanceDevice
  ) throws(KernelError) {
    (self.shape, self.dtype) = (shape, dtype)
    let rows = shape.rank == 0 ? 1 : shape[0], row = rows == 0 ? 0 : shape.count / rows
    outerStride = row + (rows > 1 ? gap : 0)
    offset = isGuarded ? Self.before : 0
    let span = dtype.byteCount(of: rows == 0 ? 0 : (rows - 1) * outerStride + row)
    let byteCount = offset + span + (isGuarded ? Self.after : 0)
    host = Self.exact(byteCount)
    memset(host.pointer, 0xFF, byteCount)
    if let source {
      let bytes = dtype.byteCount(of: row)
      for i in 0..<rows where bytes > 0 {
        memcpy(host.pointer + offset + i * dtype.byteCount(of: outerStride), source.pointer + i * bytes, bytes)
      }
    }
    untouched = Self.exact(byteCount)
    memcpy(untouched.pointer, host.pointer, byteCount)
    onDevice = try device.upload(host)
    tensor =
      shape.rank == 0 || outerStride == row || rows == 0
      ? Tensor(viewing: onDevice, dtype, shape, byteOffset: offset)
      : Tensor(viewing: onDevice, dtype, shape, byteOffset: offset, outerStride: outerStride)
  }

  /// Memory from the C library, byte for byte, so that a sanitizer sees its end.
  private static func exact(_ byteCount: Int) -> Storage {
    final class Owner: @unchecked Sendable {
      let pointer: UnsafeMutableRawPointer
      init(_ byteCount: Int) {
        var found: UnsafeMutableRawPointer?
        guard posix_memalign(&found, 64, max(byteCount, 1)) == 0, let found else {
          fatalError("no memory for \(byteCount) bytes")
        }
        pointer = found
      }
      deinit { free(pointer) }
    }
    let owner = Owner(byteCount)
    return Storage(borrowing: owner.pointer, byteCount: byteCount, owner: owner)
  }

  /// Brings back what the device holds.
  func download(from device: any ConformanceDevice) throws(KernelError) { try device.download(onDevice, into: host) }

  /// Where the first byte changed that no kernel may change, relative to the tensor's start; nil when all are as they were.
  /// - isInput: whether the tensor's own bytes may not change either.
  func damage(isInput: Bool) -> Int? {
    let found = UnsafeRawBufferPointer(start: host.pointer, count: host.byteCount)
    let before = UnsafeRawBufferPointer(start: untouched.pointer, count: host.byteCount)
    if memcmp(host.pointer, untouched.pointer, host.byteCount) == 0 { return nil }
    let rows = shape.rank == 0 ? 1 : shape[0], stride = dtype.byteCount(of: outerStride)
    let row = rows == 0 ? 0 : dtype.byteCount(of: shape.count / rows)
    return found.indices.first { i in
      guard found[i] != before[i] else { return false }
      let place = i - offset
      if place < 0 || rows == 0 || stride == 0 { return true }
      let isOwn = place / stride < rows && place % stride < row
      return isInput || !isOwn
    }.map { $0 - offset }
  }

  /// The tensor's content, contiguous, on the CPU.
  var content: Tensor {
    let copy = Tensor(dtype, shape), rows = shape.rank == 0 ? 1 : shape[0]
    let bytes = rows == 0 ? 0 : dtype.byteCount(of: shape.count / rows)
    for i in 0..<rows where bytes > 0 {
      memcpy(copy.pointer + i * bytes, host.pointer + offset + i * dtype.byteCount(of: outerStride), bytes)
    }
    return copy
  }
}
