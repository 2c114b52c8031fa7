import CConfinement
import Glibc
import KernelRuntime
import Tensors

/// Memory that the checking process and a worker both map: arguments lie in it, nothing is copied.
///
///     inputs    written by the checking process only: the file is sealed and workers get a descriptor for reading
///     outputs   written by the worker; its first page holds what the worker's handlers noted
///
/// One `inputs` serves the workers of candidate and reference at once.
final class WorkerMemory {
  let pointer: UnsafeMutableRawPointer
  let byteCount: Int
  /// What is passed to the worker.
  let descriptor: Int32
  private let isSealed: Bool

  /// The page at the start of `outputs` that holds `confinement_findings`.
  static let reserved = 4096
  /// What lies around inputs: NaN in every floating type.
  static let filler: UInt8 = 0xFF

  /// - readOnly: whether workers may only read it.
  /// - Throws: `runFailed` when the system gives no memory.
  init(byteCount: Int, readOnly: Bool) throws(KernelError) {
    let file = confinement_memory_file(readOnly ? "inputs" : "outputs")
    guard file >= 0 else { throw Self.failure("making shared memory") }
    guard ftruncate(file, byteCount) == 0,
      let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), mapped != MAP_FAILED
    else {
      let error = Self.failure("mapping \(byteCount) bytes of shared memory")
      close(file)
      throw error
    }
    (pointer, self.byteCount) = (mapped, byteCount)
    guard readOnly else {
      (descriptor, isSealed) = (file, false)
      return
    }
    let reading = confinement_reopen_for_reading(file)
    isSealed = reading >= 0 && confinement_seal(file) == 0
    // Without /proc the worker gets the file itself; the hashes of the inputs still tell who wrote.
    if reading >= 0 { close(file) }
    descriptor = reading >= 0 ? reading : file
  }

  deinit {
    munmap(pointer, byteCount)
    close(descriptor)
  }

  private static func failure(_ action: String) -> KernelError {
    KernelError(.runFailed, "\(action) failed: \(String(cString: strerror(errno)))")
  }

  /// A tensor over a part of the memory.
  /// - Precondition: it fits.
  func tensor(_ dtype: DType, _ shape: [Int], at offset: Int) -> Tensor {
    Tensor(
      viewing: Storage(borrowing: pointer, byteCount: byteCount, owner: self), dtype, Shape(shape), byteOffset: offset)
  }

  /// What the worker's handlers noted. Of `outputs` only.
  var findings: confinement_findings { pointer.load(as: confinement_findings.self) }
}

/// The worker's end of a `WorkerMemory`.
struct MappedMemory {
  let pointer: UnsafeMutableRawPointer
  let byteCount: Int

  /// Maps inherited memory for the rest of this process's life.
  init(descriptor: Int32, writable: Bool) throws(KernelError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size > 0,
      let mapped = mmap(
        nil, Int(status.st_size), writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, descriptor, 0),
      mapped != MAP_FAILED
    else {
      throw KernelError(.runFailed, "mapping descriptor \(descriptor) failed: \(String(cString: strerror(errno)))")
    }
    (pointer, byteCount) = (mapped, Int(status.st_size))
  }

  /// - Throws: `signatureMismatch` when the tensor would not fit.
  func tensor(_ dtype: DType, _ shape: [Int], at offset: Int) throws(KernelError) -> Tensor {
    var bits = dtype.bitWidth
    for extent in shape {
      let (product, overflow) = bits.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow else { throw KernelError(.signatureMismatch, "a tensor of shape \(shape)") }
      bits = product
    }
    guard shape.count <= Shape.maximumRank, offset >= 0, offset <= byteCount, (bits + 7) / 8 <= byteCount - offset
    else { throw KernelError(.signatureMismatch, "a tensor of shape \(shape) at \(offset) leaves the shared memory") }
    return Tensor(
      viewing: Storage(borrowing: pointer, byteCount: byteCount, owner: Self.forever), dtype, Shape(shape),
      byteOffset: offset)
  }

  private final class Forever: Sendable {}
  private static let forever = Forever()
}
