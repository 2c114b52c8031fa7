import Checkpoints
import Tensors
import Traces

/// Raw blocks of a quantised weight: random bytes whose scales are finite.
enum QuantisedBlocks {
  /// The format that a definition's weight is stored in, from its tag.
  static func format(of definition: Definition) -> WeightFormat? {
    definition.tags.first { $0.hasPrefix("weight_format:") }
      .flatMap { WeightFormat(rawValue: String($0.dropFirst("weight_format:".count))) }
  }

  /// Where the float16 numbers of a block lie.
  private static func halves(_ format: WeightFormat) -> [Int] {
    switch format {
    case .f32, .f16, .bf16: []
    case .q8_0, .q4_0: [0]
    case .q4_1, .q4_k, .q5_k: [0, 2]
    case .q6_k: [208]
    }
  }

  static func fill(_ tensor: Tensor, _ definition: Definition, _ random: inout SeededGenerator) {
    let bytes = tensor.elements(as: UInt8.self)
    for i in 0..<tensor.byteCount { bytes[i] = UInt8(truncatingIfNeeded: random.next() >> 24) }
    guard let format = format(of: definition) else { return }
    for block in stride(from: 0, to: tensor.byteCount, by: format.blockBytes) {
      for offset in halves(format) {
        let scale = Float16(random.value() / 64)
        (tensor.pointer + block + offset).storeBytes(of: scale.bitPattern, as: UInt16.self)
      }
    }
  }
}
