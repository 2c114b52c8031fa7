import Checkpoints
import Tensors

/// Row tokens[t] of the table, dequantised exactly, in plain Swift.
func embeddingOracle(
  _ table: Tensor, _ format: WeightFormat, _ tokens: [Int32], into out: UnsafeMutablePointer<Float>, hidden: Int
) {
  let rowBytes = hidden / format.blockElements * format.blockBytes
  for (t, token) in tokens.enumerated() {
    Dequantization.dequantize(
      UnsafeRawBufferPointer(start: table.pointer + Int(token) * rowBytes, count: rowBytes), format: format,
      into: UnsafeMutableBufferPointer(start: out + t * hidden, count: hidden))
  }
}
