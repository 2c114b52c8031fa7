import CKernels
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors
import Traces

/// How rotary embedding pairs the elements of a head.
public enum RotaryStyle: String, Sendable, Hashable {
  /// Element i with element i + rotary / 2.
  case neox
  /// Element 2i with element 2i + 1.
  case interleaved
}

/// Rotary position embedding of queries and keys in place.
/// Definition `rope_with_cos_sin_cache_<style>_style_h<qo>_kv<kv>_d<dim>_rd<rotary>`; the outputs are the inputs.
public struct RotaryEmbedding: Sendable {
  public let kernel: BoundKernel

  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(
    _ library: KernelLibrary, queryHeads: Int, keyValueHeads: Int, headDimension: Int, rotaryDimension: Int,
    style: RotaryStyle, device: Device = .cpu
  ) throws(KernelError) {
    kernel = try library.bind(
      Self.definition(
        queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension,
        rotaryDimension: rotaryDimension, style: style), on: device)
  }

  /// - query: [tokens, qo heads, dim] and key: [tokens, kv heads, dim] float32, both changed in place.
  /// - cosSinCache: [positions, rotary] float32 from `RotaryTable`; positions: [tokens] int32.
  /// - Throws: `runFailed` when a position is outside of the table.
  public func callAsFunction(
    query: Tensor, key: Tensor, cosSinCache: Tensor, positions: Tensor, on stream: any ExecutionStream
  ) throws(KernelError) {
    try kernel.apply(
      [
        .tensor(query), .tensor(key), .tensor(cosSinCache), .tensor(positions), .tensor(query), .tensor(key),
      ], on: stream)
  }

  /// - dtype: of queries and keys: float32, bfloat16 or float16. The table is always float32.
  public static func definition(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, rotaryDimension: Int, style: RotaryStyle,
    dtype: DType = .float32
  ) -> Definition {
    .literal { () throws(SchemaError) in
      let form = "h\(queryHeads)_kv\(keyValueHeads)_d\(headDimension)_rd\(rotaryDimension)"
      return try Definition(
        name: "rope_with_cos_sin_cache_\(style.rawValue)_style_\(form)\(dtype.nameSuffix)", opType: "rope",
        axes: [
          "num_tokens": .var, "num_qo_heads": .const(queryHeads), "num_kv_heads": .const(keyValueHeads),
          "head_size": .const(headDimension), "rotary_dim": .const(rotaryDimension), "max_seq_len": .var,
        ],
        inputs: [
          "q": .tensor("num_tokens", "num_qo_heads", "head_size", dtype: dtype),
          "k": .tensor("num_tokens", "num_kv_heads", "head_size", dtype: dtype),
          "cos_sin_cache": .tensor("max_seq_len", "rotary_dim", dtype: .float32),
          "positions": .tensor("num_tokens", dtype: .int32),
        ],
        outputs: [
          "q_out": .tensor("num_tokens", "num_qo_heads", "head_size", dtype: dtype),
          "k_out": .tensor("num_tokens", "num_kv_heads", "head_size", dtype: dtype),
        ],
        reference: reference(style, dtype),
        description: "Rotary position embedding, \(style.rawValue) pairs, from a table of cosines and sines.",
        tags: ["in_place:q_out=q", "in_place:k_out=k", "rotary_style:\(style.rawValue)"])
    }
  }

  private static func reference(_ style: RotaryStyle, _ dtype: DType) -> String {
    let pairs =
      style == .neox
      ? "a, b = y[..., :half].clone(), y[..., half:2 * half].clone()"
      : "a, b = y[..., 0:2 * half:2].clone(), y[..., 1:2 * half:2].clone()"
    let places =
      style == .neox ? ("y[..., :half]", "y[..., half:2 * half]") : ("y[..., 0:2 * half:2]", "y[..., 1:2 * half:2]")
    return """
      import torch

      @torch.no_grad()
      def run(q, k, cos_sin_cache, positions):
          half = cos_sin_cache.shape[1] // 2
          rows = cos_sin_cache[positions.long()].unsqueeze(1)
          cos, sin = rows[..., :half], rows[..., half:]

          def rotate(x):
              y = x.to(torch.float32).clone()
              \(pairs)
              \(places.0) = a * cos - b * sin
              \(places.1) = b * cos + a * sin
              return \(dtype.rounded(python: "y"))

          return rotate(q), rotate(k)
      """
  }

  static func style(of definition: Definition) -> RotaryStyle? {
    definition.tags.first { $0.hasPrefix("rotary_style:") }
      .flatMap { RotaryStyle(rawValue: String($0.dropFirst("rotary_style:".count))) }
  }

  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    if style(of: definition) == nil { return "the definition has no tag rotary_style:<neox|interleaved>" }
    return form.refusal(of: definition)
  }
  static let form = DefinitionForm(
    of: definition(queryHeads: 1, keyValueHeads: 1, headDimension: 2, rotaryDimension: 2, style: .neox))

  private typealias Function =
    @Sendable (
      UnsafeMutablePointer<Float>, UnsafePointer<Float>, UnsafePointer<Int32>, Range<Int>, Int, Int, Int
    ) -> Void

  private static func function(_ set: InstructionSet, _ style: RotaryStyle) -> Function {
    switch (set, style) {
    case (.avx512, .neox):
      { KernelsAVX512.rotateNeox($0, $1, $2, tokens: $3, heads: $4, dimension: $5, rotary: $6) }
    case (.avx2, .neox):
      { KernelsAVX2.rotateNeox($0, $1, $2, tokens: $3, heads: $4, dimension: $5, rotary: $6) }
    case (.baseline, .neox):
      { KernelsBaseline.rotateNeox($0, $1, $2, tokens: $3, heads: $4, dimension: $5, rotary: $6) }
    case (.avx512, .interleaved):
      { KernelsAVX512.rotateInterleaved($0, $1, $2, tokens: $3, heads: $4, dimension: $5, rotary: $6) }
    case (.avx2, .interleaved):
      { KernelsAVX2.rotateInterleaved($0, $1, $2, tokens: $3, heads: $4, dimension: $5, rotary: $6) }
    case (.baseline, .interleaved):
      { KernelsBaseline.rotateInterleaved($0, $1, $2, tokens: $3, heads: $4, dimension: $5, rotary: $6) }
    }
  }

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "rope", room: "rope", supports: supports) {
      set, definition, _ throws(KernelError) in
      let function = function(set, style(of: definition) ?? .neox)
      return rotating(definition) { call, pool in
        let (chunks, size) = rowChunks(call.tokens, minimum: 8, threads: pool.threadCount)
        pool.parallel(chunks) { chunk in
          let tokens = chunk * size..<min(call.tokens, (chunk + 1) * size)
          function(call.query, call.table, call.positions, tokens, call.queryHeads, call.dimension, call.rotary)
          function(call.key, call.table, call.positions, tokens, call.keyHeads, call.dimension, call.rotary)
        }
      }
    } + [
      .cpu(operation: "rope", flavor: .cpp, source: "Kernels/rope/cpp", supports: supports) {
        definition, _ throws(KernelError) in
        let isInterleaved = style(of: definition) == .interleaved
        return rotating(definition) { call, pool in
          let (chunks, size) = rowChunks(call.tokens, minimum: 8, threads: pool.threadCount)
          pool.parallel(chunks) { chunk in
            let start = chunk * size, count = min(size, call.tokens - start)
            for (x, heads) in [(call.query, call.queryHeads), (call.key, call.keyHeads)] {
              swiftlet_rope(
                x + start * heads * call.dimension, call.table, call.positions + start, count, heads, call.dimension,
                call.rotary, isInterleaved)
            }
          }
        }
      },
      .cpu(operation: "rope", flavor: .swift, source: "Kernels/rope/swift", supports: supports) {
        definition, _ throws(KernelError) in
        let style = style(of: definition) ?? .neox
        return rotating(definition) { call, _ in
          for (x, heads) in [(call.query, call.queryHeads), (call.key, call.keyHeads)] {
            rotateOracle(
              x, call.table, call.positions, tokens: call.tokens, heads: heads, dimension: call.dimension,
              rotary: call.rotary, style: style)
          }
        }
      },
    ] + [double.solution]

  /// One call, its positions checked.
  private struct Call {
    let query: UnsafeMutablePointer<Float>, key: UnsafeMutablePointer<Float>
    let table: UnsafePointer<Float>, positions: UnsafePointer<Int32>
    let tokens: Int, queryHeads: Int, keyHeads: Int, dimension: Int, rotary: Int
  }

  /// Wraps a rotation in place: copies to the outputs first when they are not the inputs.
  private static func rotating(
    _ definition: Definition, _ body: @escaping @Sendable (Call, WorkerPool) -> Void
  ) -> SwiftKernel {
    SwiftKernel { arguments, stream throws(KernelError) in
      let q = arguments[0].tensor, k = arguments[1].tensor, table = arguments[2].tensor
      let positions = arguments[3].tensor.elements(as: Int32.self), tokens = q.shape[0]
      for i in 0..<tokens where positions[i] < 0 || Int(positions[i]) >= table.shape[0] {
        throw KernelError(
          .runFailed, definition: definition.name,
          "positions[\(i)] is \(positions[i]), the table has \(table.shape[0]) rows")
      }
      for (input, output) in [(q, arguments[4].tensor), (k, arguments[5].tensor)] where input.pointer != output.pointer
      {
        output.pointer.copyMemory(from: input.pointer, byteCount: input.byteCount)
      }
      body(
        Call(
          query: arguments[4].tensor.elements(as: Float.self), key: arguments[5].tensor.elements(as: Float.self),
          table: table.elements(as: Float.self), positions: positions, tokens: tokens, queryHeads: q.shape[1],
          keyHeads: k.shape[1], dimension: q.shape[2], rotary: table.shape[1]), stream.pool)
    }
  }
}
