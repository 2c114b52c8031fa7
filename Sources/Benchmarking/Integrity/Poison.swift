import Glibc
import Tensors

/// What outputs hold before a call: NaN in every floating type, and integers that no kernel computes. What is still there
/// afterwards was not written.
enum Poison {
  private static func byte(_ dtype: DType) -> UInt8 { dtype.isFloatingPoint ? 0xFF : 0x5A }

  static func fill(_ tensor: Tensor) { memset(tensor.pointer, Int32(byte(tensor.dtype)), tensor.byteCount) }

  /// Elements that still hold the poison.
  static func untouched(in tensor: Tensor) -> Int {
    let size = max(tensor.dtype.bitWidth / 8, 1), poison = byte(tensor.dtype)
    let bytes = UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount)
    var count = 0, at = 0
    while at + size <= bytes.count {
      // Nearly always the first byte differs.
      if bytes[at] == poison, bytes[at..<at + size].allSatisfy({ $0 == poison }) { count += 1 }
      at += size
    }
    return count
  }
}
