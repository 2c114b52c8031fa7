import Glibc
import Tensors

/// Bytes before and after every output, with a pattern that is new in each process: who writes outside is found out.
struct GuardBytes: Sendable {
  /// Bytes on each side.
  static let width = 64
  private let pattern: [UInt8]

  init() {
    var random = SystemRandomNumberGenerator()
    pattern = (0..<Self.width).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  /// - Precondition: `width` bytes before and after the tensor belong to the same memory.
  func put(around tensor: Tensor) {
    memcpy(tensor.pointer - Self.width, pattern, Self.width)
    memcpy(tensor.pointer + tensor.byteCount, pattern, Self.width)
  }

  /// Where the nearest byte outside of the tensor that was written is, relative to its start; nil when all are as they were.
  func firstDamage(around tensor: Tensor) -> Int? {
    for i in stride(from: Self.width - 1, through: 0, by: -1)
    where tensor.pointer.load(fromByteOffset: i - Self.width, as: UInt8.self) != pattern[i] {
      return i - Self.width
    }
    let end = tensor.byteCount
    for i in 0..<Self.width where tensor.pointer.load(fromByteOffset: end + i, as: UInt8.self) != pattern[i] {
      return end + i
    }
    return nil
  }
}
