import Glibc

/// A run of bytes with one owner. Freed when the last tensor that views it goes.
///
/// Zeroed, 64-byte aligned. Runs of 2 MiB and more come straight from the kernel, so pages that are never touched
/// cost no memory (a KV cache sized for the longest context occupies what is in use).
public final class Storage: @unchecked Sendable {
  // @unchecked: the pointer never changes; who may write the bytes is the business of whoever shares a tensor.
  public let pointer: UnsafeMutableRawPointer
  public let byteCount: Int
  public let device: Device
  private let release: () -> Void

  private static let mappingThreshold = 2 << 20
  /// MADV_HUGEPAGE, which the C library's module map does not export.
  private static let hugePageAdvice: Int32 = 14

  /// Zeroed host memory.
  public init(byteCount: Int) {
    self.byteCount = byteCount
    device = .cpu
    if byteCount >= Self.mappingThreshold {
      let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      guard let mapped, mapped != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
      pointer = mapped
      release = { munmap(mapped, byteCount) }
    } else {
      let allocated = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 64), alignment: 64)
      allocated.initializeMemory(as: UInt8.self, repeating: 0, count: max(byteCount, 64))
      pointer = allocated
      release = { allocated.deallocate() }
    }
  }

  /// Memory owned by something else, which `owner` keeps alive: a mapped weight file, for example.
  public init(borrowing pointer: UnsafeMutableRawPointer, byteCount: Int, device: Device = .cpu, owner: AnyObject) {
    (self.pointer, self.byteCount, self.device) = (pointer, byteCount, device)
    release = { withExtendedLifetime(owner) {} }
  }

  deinit { release() }

  /// Asks for 2 MiB pages: worth it for weights that every step reads whole.
  public func adviseHugePages() {
    let align = UInt(2 << 20), start = (UInt(bitPattern: pointer) + align - 1) & ~(align - 1)
    let end = (UInt(bitPattern: pointer) + UInt(byteCount)) & ~(align - 1)
    if end > start { madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), Self.hugePageAdvice) }
  }
}
