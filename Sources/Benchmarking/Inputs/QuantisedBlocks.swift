import Checkpoints
import Tensors

/// Raw blocks of a quantised weight, and other bytes that hold numbers.
enum QuantisedBlocks {
  /// Where the float16 numbers of a block lie, in bytes from its start.
  private static func halves(_ format: WeightFormat) -> [Int] {
    switch format {
    case .f32, .f16, .bf16: []
    case .q8_0, .q4_0: [0]
    case .q4_1, .q4_k, .q5_k: [0, 2]
    case .q6_k: [208]
    }
  }

  /// Random bytes, with every block's scales replaced by normal numbers / 64.
  static func fill(_ tensor: Tensor, _ format: WeightFormat, _ random: CounterRandom) {
    randomBytes(tensor, random)
    let halves = halves(format), size = format.blockBytes, base = tensor.pointer
    var number = 0
    for block in 0..<tensor.byteCount / size {
      for offset in halves {
        let scale = Float16(random.normal(number + 1 << 40) * 0.015625)
        (base + block * size + offset).storeBytes(of: scale.bitPattern.littleEndian, as: UInt16.self)
        number += 1
      }
    }
  }

  /// Eight bytes of each random number, the lowest first.
  static func randomBytes(_ tensor: Tensor, _ random: CounterRandom) {
    let base = tensor.pointer, count = tensor.byteCount, words = count / 8
    for i in 0..<words { (base + 8 * i).storeBytes(of: random.bits(i).littleEndian, as: UInt64.self) }
    for i in 8 * words..<count {
      (base + i).storeBytes(
        of: UInt8(truncatingIfNeeded: random.bits(words) >> UInt64(8 * (i - 8 * words))), as: UInt8.self)
    }
  }

  /// [pages, page size, 1, head dimension + 4]: of each page first the float8 data of all its tokens, then a float32
  /// scale for each.
  static func fillScaledKeyPages(_ tensor: Tensor, _ random: CounterRandom) {
    guard tensor.shape.rank == 4, tensor.shape[3] > 4, tensor.dtype.bitWidth == 8 else { return }
    let tokens = tensor.shape[1] * tensor.shape[2], width = tensor.shape[3] - 4, pageBytes = tokens * (width + 4)
    let codes = Tensor(.float8_e4m3fn, [tensor.shape[0], tokens * width])
    FloatFilling.normal(codes, random, scale: 64)
    for page in 0..<tensor.shape[0] {
      let out = tensor.pointer + page * pageBytes
      out.copyMemory(from: codes.pointer + page * tokens * width, byteCount: tokens * width)
      for token in 0..<tokens {
        let scale = 0.0078125 + 0.0234375 * random.uniform(page * tokens + token + 1 << 40)
        (out + tokens * width + 4 * token).storeBytes(of: scale.bitPattern.littleEndian, as: UInt32.self)
      }
    }
  }
}
