import CKernels
import Checkpoints
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors
import Traces

/// Rows of a table by token. Definition `embedding_<format>_v<vocabulary>_h<hidden>`.
///
/// The table is an input that never changes; it is read where it lies (a mapped file), one row a token.
public struct Embedding: Sendable {
  public let kernel: BoundKernel

  /// - table: dense [vocabulary, hidden], or raw blocks as int8 [vocabulary, bytes of a row].
  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(
    _ library: KernelLibrary, table: Tensor, format: WeightFormat, vocabularySize: Int, hiddenSize: Int,
    device: Device = .cpu
  ) throws(KernelError) {
    kernel = try library.bind(
      Self.definition(format: format, vocabularySize: vocabularySize, hiddenSize: hiddenSize), on: device,
      constants: ["weight": table])
  }

  /// - tokens: [tokens] int32; output: [tokens, hidden] float32.
  /// - Throws: `runFailed` when a token is outside of the table.
  public func callAsFunction(_ tokens: Tensor, output: Tensor, on stream: any ExecutionStream) throws(KernelError) {
    try kernel.apply([.tensor(tokens), .tensor(output)], on: stream)
  }

  /// - dtype: of the output: float32, bfloat16 or float16.
  /// - isShard: whether the table holds some of the vocabulary only, from `vocab_start` on; rows of others' tokens are zero.
  public static func definition(
    format: WeightFormat, vocabularySize: Int, hiddenSize: Int, dtype: DType = .float32, isShard: Bool = false
  ) -> Definition {
    .literal { () throws(SchemaError) in
      var axes: OrderedMap<Axis> = [
        "num_tokens": .var, "vocab_size": .const(vocabularySize), "hidden_size": .const(hiddenSize),
      ]
      var inputs: OrderedMap<TensorSpec> = ["tokens": .tensor("num_tokens", dtype: .int32)]
      if let dtype = format.denseType {
        inputs["weight"] = .tensor("vocab_size", "hidden_size", dtype: dtype)
      } else {
        axes["row_bytes"] = .const(hiddenSize / format.blockElements * format.blockBytes)
        inputs["weight"] = .tensor("vocab_size", "row_bytes", dtype: .int8)
      }
      if isShard { inputs["vocab_start"] = .scalar(.int32) }
      let form = "\(format.rawValue.lowercased())_v\(vocabularySize)_h\(hiddenSize)\(isShard ? "_shard" : "")"
      return try Definition(
        name: "embedding_\(form)\(dtype.nameSuffix)", opType: "embedding", axes: axes, inputs: inputs,
        outputs: ["output": .tensor("num_tokens", "hidden_size", dtype: dtype)],
        reference: """
          import torch

          \(GemmReference.unpack(format))

          @torch.no_grad()
          \(isShard ? shardReference(dtype) : reference(dtype))
          """,
        description: "Rows of the table by token, as \(dtype.rawValue); the table in \(format.rawValue)"
          + (isShard ? "; tokens of other shards get zeros." : "."),
        tags: ["weight_format:\(format.rawValue)"])
    }
  }

  private static func reference(_ dtype: DType) -> String {
    """
    def run(tokens, weight):
        return \(dtype.rounded(python: "globals()[\"weight\"](weight[tokens.long()])"))
    """
  }

  private static func shardReference(_ dtype: DType) -> String {
    """
    def run(tokens, weight, vocab_start):
        own = (tokens >= vocab_start) & (tokens < vocab_start + weight.shape[0])
        places = torch.where(own, tokens - vocab_start, 0).long()
        rows = globals()["weight"](weight[places])
        return \(dtype.rounded(python: "torch.where(own.unsqueeze(-1), rows, 0)"))
    """
  }

  static let forms: [WeightFormat: DefinitionForm] = Dictionary(
    uniqueKeysWithValues: WeightFormat.allCases.map { format in
      (
        format,
        DefinitionForm(of: definition(format: format, vocabularySize: 1, hiddenSize: format.blockElements))
      )
    })

  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, context in
    guard let format = Gemm.format(of: definition) else { return "the definition has no tag weight_format:<format>" }
    if let refusal = forms[format]?.refusal(of: definition) { return refusal }
    guard let table = context.constants["weight"] else { return "the table must be handed over at bind" }
    return table.isContiguous ? nil : "the table must be contiguous"
  }

  /// Raw value of the leaf modules' `TableKind`; nil for formats without a fast reader.
  private static func kind(_ format: WeightFormat) -> Int? {
    switch format {
    case .f32: 0
    case .f16: 1
    case .bf16: 2
    case .q8_0: 3
    default: nil
    }
  }

  private typealias Function =
    @Sendable (
      Int, UnsafeRawPointer, UnsafePointer<Int32>, UnsafeMutablePointer<Float>, Range<Int>, Int
    ) -> Void

  private static func function(_ set: InstructionSet) -> Function {
    switch set {
    case .avx512: { KernelsAVX512.lookUp(.init(rawValue: $0)!, $1, $2, $3, tokens: $4, hidden: $5) }
    case .avx2: { KernelsAVX2.lookUp(.init(rawValue: $0)!, $1, $2, $3, tokens: $4, hidden: $5) }
    case .baseline: { KernelsBaseline.lookUp(.init(rawValue: $0)!, $1, $2, $3, tokens: $4, hidden: $5) }
    }
  }

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(
      operation: "embedding", room: "embedding",
      supports: { definition, context in
        if let reason = supports(definition, context) { return reason }
        guard let format = Gemm.format(of: definition) else { return nil }
        return kind(format) == nil ? "reads F32, F16, BF16 and Q8_0, not \(format.rawValue)" : nil
      }
    ) { set, definition, context throws(KernelError) in
      let table = context.constants["weight"]!, hidden = definition.constant("hidden_size")
      let kind = Gemm.format(of: definition).flatMap(Embedding.kind) ?? 0, function = function(set)
      return looking(definition) { tokens, output, pool in
        let count = tokens.shape[0], ids = tokens.elements(as: Int32.self), out = output.elements(as: Float.self)
        let (chunks, size) = rowChunks(count, minimum: 16, threads: pool.threadCount)
        pool.parallel(chunks) { chunk in
          function(kind, table.pointer, ids, out, chunk * size..<min(count, (chunk + 1) * size), hidden)
        }
      }
    } + [
      .cpu(
        operation: "embedding", flavor: .cpp, source: "Kernels/embedding/cpp",
        supports: { definition, context in
          if let reason = supports(definition, context) { return reason }
          guard let format = Gemm.format(of: definition) else { return nil }
          return element(format) == nil ? "reads F32, F16 and BF16, not \(format.rawValue)" : nil
        }
      ) { definition, context throws(KernelError) in
        let table = context.constants["weight"]!, hidden = definition.constant("hidden_size")
        let element = Gemm.format(of: definition).flatMap(Embedding.element) ?? swiftlet_float32
        return looking(definition) { tokens, output, pool in
          let count = tokens.shape[0], ids = tokens.elements(as: Int32.self), out = output.elements(as: Float.self)
          let (chunks, size) = rowChunks(count, minimum: 16, threads: pool.threadCount)
          pool.parallel(chunks) { chunk in
            let start = chunk * size
            swiftlet_embedding(
              element, table.pointer, ids + start, out + start * hidden, min(size, count - start), hidden)
          }
        }
      },
      .cpu(operation: "embedding", flavor: .swift, source: "Kernels/embedding/swift", supports: supports) {
        definition, context throws(KernelError) in
        let table = context.constants["weight"]!, format = Gemm.format(of: definition) ?? .f32
        let hidden = definition.constant("hidden_size")
        return looking(definition) { tokens, output, _ in
          embeddingOracle(table, format, tokens.int32s, into: output.elements(as: Float.self), hidden: hidden)
        }
      },
    ] + [double.solution]

  /// The element type of the C++ reader; nil for blocks.
  private static func element(_ format: WeightFormat) -> swiftlet_element? {
    switch format {
    case .f32: swiftlet_float32
    case .f16: swiftlet_float16
    case .bf16: swiftlet_bfloat16
    default: nil
    }
  }

  private static func looking(
    _ definition: Definition, _ body: @escaping @Sendable (Tensor, Tensor, WorkerPool) -> Void
  ) -> SwiftKernel {
    let size = definition.constant("vocab_size")
    return SwiftKernel { arguments, stream throws(KernelError) in
      let tokens = arguments[0].tensor, ids = tokens.elements(as: Int32.self)
      for i in 0..<tokens.shape[0] where ids[i] < 0 || Int(ids[i]) >= size {
        throw KernelError(
          .runFailed, definition: definition.name, "tokens[\(i)] is \(ids[i]), the table has \(size) rows")
      }
      body(tokens, arguments[1].tensor, stream.pool)
    }
  }
}
