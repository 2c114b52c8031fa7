import Tensors

/// A quick hash of tensors' bytes, of the first and last 512 KiB of long ones: to see whether memory changed, not against
/// forgery (nothing secret goes into it).
struct OutputHash {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
  private static let part = 512 << 10

  mutating func add(_ tensor: Tensor) { add(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount)) }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    if bytes.count <= 2 * Self.part {
      addAll(bytes)
    } else {
      addAll(UnsafeRawBufferPointer(rebasing: bytes[..<Self.part]))
      addAll(UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - Self.part)...]))
    }
  }

  /// Every byte counts.
  mutating func addAll(_ bytes: UnsafeRawBufferPointer) {
    var i = 0
    while i + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      i += 8
    }
    while i < bytes.count {
      mix(UInt64(bytes[i]))
      i += 1
    }
    mix(UInt64(bytes.count))
  }

  private mutating func mix(_ word: UInt64) {
    value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
    value ^= value >> 29
  }
}
