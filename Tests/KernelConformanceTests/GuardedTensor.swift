import Glibc
import Tensors

/// A tensor between two runs of guard bytes, at an address that is a multiple of four only.
///
/// Guard bytes are 0xFF: a kernel that reads them finds NaN, one that writes them is found out.
struct GuardedTensor {
  private static let before = 68, after = 64
  let tensor: Tensor

  /// Poisoned: floating elements are NaN, integers a sentinel that no kernel writes.
  init(poisoned dtype: DType, _ shape: Shape) {
    self.init(unfilled: dtype, shape)
    memset(tensor.pointer, dtype.isFloatingPoint ? 0xFF : 0x5A, tensor.byteCount)
  }

  init(copying source: Tensor) {
    self.init(unfilled: source.dtype, source.shape)
    memcpy(tensor.pointer, source.pointer, source.byteCount)
  }

  private init(unfilled dtype: DType, _ shape: Shape) {
    let storage = Storage(byteCount: Self.before + dtype.byteCount(of: shape.count) + Self.after)
    memset(storage.pointer, 0xFF, storage.byteCount)
    tensor = Tensor(viewing: storage, dtype, shape, byteOffset: Self.before)
  }

  /// Whether all guard bytes are as they were.
  var isIntact: Bool {
    let bytes = tensor.storage.pointer.assumingMemoryBound(to: UInt8.self), end = Self.before + tensor.byteCount
    return (0..<Self.before).allSatisfy { bytes[$0] == 0xFF }
      && (end..<end + Self.after).allSatisfy { bytes[$0] == 0xFF }
  }
}

/// Whether two contiguous tensors hold the same bytes.
func sameBits(_ a: Tensor, _ b: Tensor) -> Bool {
  a.dtype == b.dtype && a.shape == b.shape && memcmp(a.pointer, b.pointer, a.byteCount) == 0
}
