import Checkpoints
import KernelRuntime

extension Embedding {
  /// Rows of a dense table, whatever the element types.
  static let double = DoubleOracle(
    operation: "embedding", room: "embedding",
    forms: [WeightFormat.f32, .f16, .bf16].flatMap { format in
      DoubleOracle.types.flatMap { dtype in
        [false, true].map {
          DefinitionForm(
            of: definition(format: format, vocabularySize: 1, hiddenSize: 1, dtype: dtype, isShard: $0))
        }
      }
    }, float32Forms: Array(forms.values)
  ) { call throws(KernelError) in
    let tokens = call.int32s("tokens"), table = call.tensor("weight")
    let isShard = call.definition.inputs["vocab_start"] != nil
    let start = isShard ? Int(call.scalar("vocab_start")) : 0, (size, hidden) = (table.shape[0], table.shape[1])
    let output = call.tensor("output")
    for (i, token) in tokens.enumerated() {
      let place = Int(token) - start, isOwn = 0..<size ~= place
      if !isOwn && !isShard {
        throw call.failure("tokens[\(i)] is \(token), the table has \(size) rows")
      }
      for j in 0..<hidden {
        let value = isOwn ? table.dtype.decode(table.bits(at: place * hidden + j)) : 0
        output.setBits(output.dtype.encode(value), at: i * hidden + j)
      }
    }
  }
}
