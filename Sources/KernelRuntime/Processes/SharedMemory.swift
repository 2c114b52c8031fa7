import CProcesses
import Glibc
import Tensors

/// Memory that another process can map, too: an anonymous file of the kernel's, gone when the last user closes it.
public final class SharedMemory: @unchecked Sendable {
  // @unchecked: pointer and descriptor never change; who may write the bytes is agreed by the two processes.
  public let descriptor: Int32
  public let byteCount: Int
  public let pointer: UnsafeMutableRawPointer

  /// Zeroed memory of at least one byte.
  /// - Throws: `runFailed` when the system gives none.
  public init(byteCount: Int) throws(KernelError) {
    let size = max(byteCount, 1)
    let descriptor = process_memory_file("swiftlet")
    guard descriptor >= 0 else { throw SystemFailure.error("making shared memory") }
    guard ftruncate(descriptor, size) == 0,
      let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED
    else {
      let error = SystemFailure.error("mapping \(size) bytes of shared memory")
      close(descriptor)
      throw error
    }
    (self.descriptor, self.byteCount, pointer) = (descriptor, size, mapped)
  }

  /// The same memory made longer: a second mapping of the same file, with a descriptor of its own. What was there stays;
  /// what is new is zero. Others that map the file see it longer as well, once they map it again.
  /// - Throws: `runFailed` when the system gives none.
  public func grown(to byteCount: Int) throws(KernelError) -> SharedMemory {
    let copy = process_duplicate(descriptor, 3)
    guard copy >= 0 else { throw SystemFailure.error("duplicating a descriptor of shared memory") }
    guard byteCount <= self.byteCount || ftruncate(copy, byteCount) == 0 else {
      let error = SystemFailure.error("growing shared memory to \(byteCount) bytes")
      close(copy)
      throw error
    }
    do throws(KernelError) {
      return try SharedMemory(adopting: copy)
    } catch {
      close(copy)
      throw error
    }
  }

  /// Maps memory that was made by another process and inherited as `descriptor`, which this object then owns;
  /// when this throws, the descriptor is still the caller's.
  public init(adopting descriptor: Int32) throws(KernelError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemFailure.error("fstat of shared memory") }
    let size = Int(status.st_size)
    guard size > 0, let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      mapped != MAP_FAILED
    else { throw SystemFailure.error("mapping \(size) bytes of shared memory") }
    (self.descriptor, byteCount, pointer) = (descriptor, size, mapped)
  }

  deinit {
    munmap(pointer, byteCount)
    close(descriptor)
  }

  /// A tensor over a part of the memory.
  /// - Precondition: it fits.
  public func tensor(_ dtype: DType, _ shape: Shape, byteOffset: Int = 0) -> Tensor {
    Tensor(
      viewing: Storage(borrowing: pointer, byteCount: byteCount, owner: self), dtype, shape, byteOffset: byteOffset)
  }
}

/// What a system call that failed says.
enum SystemFailure {
  static func error(_ action: String) -> KernelError {
    KernelError(.runFailed, "\(action) failed: \(String(cString: strerror(errno)))")
  }
}
