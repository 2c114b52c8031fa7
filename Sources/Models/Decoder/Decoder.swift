import Checkpoints
import KernelRuntime
import Kernels
import Tensors

/// The Llama-like decoder: one forward pass for all families, which differ in numbers and names only.
///
///     residual = embedding
///     each layer: residual += attention(norm(residual)); residual += down(silu(gate(n)) * up(n)), n = norm(residual)
///     logits = head(norm(residual))
///
/// Each addition is fused with the norm that follows it.
public final class Decoder: Model {
  public let configuration: DecoderConfiguration
  let embedding: Embedding
  let firstNorm: RMSNorm
  let layers: [DecoderLayer]
  let finalNorm: Tensor  // [hidden]
  let head: Gemm
  let rotaryTable: Tensor  // [context, head dim], cosines then sines
  /// Of each half of a layer, then of the head.
  private let trails: [CallTrail]

  init(
    _ configuration: DecoderConfiguration, embedding: Embedding, firstNorm: RMSNorm, layers: [DecoderLayer],
    finalNorm: Tensor, head: Gemm, rotaryTable: Tensor
  ) {
    (self.configuration, self.embedding, self.firstNorm, self.layers) = (configuration, embedding, firstNorm, layers)
    (self.finalNorm, self.head, self.rotaryTable) = (finalNorm, head, rotaryTable)
    trails = layers.flatMap(\.trails) + [CallTrail([head.kernel])]
  }

  /// - observe: called with the residual stream [tokens, hidden] after the embedding (-1) and after each layer; for
  ///   finding the layer where a port goes wrong. Not where sequences may be left to a later pass.
  public func forward(
    _ whole: ForwardBatch, kv: KVStore, workspace: DecoderWorkspace, shedding: Shedding? = nil,
    on stream: any ExecutionStream, observe: ((Int, Tensor) -> Void)?
  ) throws(KernelError) -> (logits: Tensor, shed: PausedRows?) {
    if let shedding { return try forward(whole, kv, workspace, shedding, on: stream) }
    let b = workspace.buffers(rows: 0..<whole.tokenCount, samples: 0..<whole.sampledRows.count)
    try embed(whole, b, on: stream)
    observe?(-1, b.residual)
    for half in 0..<halfCount {
      try run(half, whole, kv, b, on: stream)
      if half % 2 == 1 { observe?(half / 2, b.residual) }
    }
    observe?(layers.count, b.normed)
    try finish(whole, b, on: stream)
    return (b.logits, nil)
  }

  public func forward(
    _ batch: ForwardBatch, kv: KVStore, workspace: DecoderWorkspace, shedding: Shedding?, on stream: any ExecutionStream
  ) throws(KernelError) -> (logits: Tensor, shed: PausedRows?) {
    try forward(batch, kv: kv, workspace: workspace, shedding: shedding, on: stream, observe: nil)
  }

  /// Attention and feed-forward of each layer.
  var halfCount: Int { 2 * layers.count }

  /// tokens → residual, normed.
  func embed(
    _ batch: ForwardBatch, _ b: DecoderWorkspace.Buffers, on stream: any ExecutionStream
  ) throws(KernelError) {
    try embedding(batch.tokens, output: b.residual, on: stream)
    try firstNorm(b.residual, weight: layers.first?.attentionNorm ?? finalNorm, output: b.normed, on: stream)
  }

  /// residual, normed → residual, normed.
  func run(
    _ half: Int, _ batch: ForwardBatch, _ kv: KVStore, _ b: DecoderWorkspace.Buffers, on stream: any ExecutionStream
  ) throws(KernelError) {
    let i = half / 2, layer = layers[i], next: Tensor
    if half % 2 == 0 {
      try attend(layer, i, batch, kv, b, on: stream)
      next = layer.feedForwardNorm
    } else {
      try feedForward(layer, b, on: stream)
      next = i + 1 < layers.count ? layers[i + 1].attentionNorm : finalNorm
    }
    trails[half + 1].prefetch()
    try layer.kernels.addNorm(b.hidden, residual: b.residual, weight: next, output: b.normed, on: stream)
  }

  /// normed → logits.
  func finish(
    _ batch: ForwardBatch, _ b: DecoderWorkspace.Buffers, on stream: any ExecutionStream
  ) throws(KernelError) {
    gatherRows(batch.sampledRows, of: b.normed, into: b.sampled)
    try head(b.sampled, output: b.logits, on: stream)
  }

  /// normed → hidden.
  private func attend(
    _ layer: DecoderLayer, _ index: Int, _ batch: ForwardBatch, _ kv: KVStore, _ b: DecoderWorkspace.Buffers,
    on stream: any ExecutionStream
  ) throws(KernelError) {
    try stream.reading(b.normed) { () throws(KernelError) in
      try layer.query(b.normed, output: b.queryRows, on: stream)
      try layer.key(b.normed, output: b.keyRows, on: stream)
      try layer.value(b.normed, output: b.valueRows, on: stream)
    }
    if let headNorm = layer.kernels.headNorm, let queryNorm = layer.queryNorm, let keyNorm = layer.keyNorm {
      try headNorm(b.query.heads, weight: queryNorm, output: b.query.heads, on: stream)
      try headNorm(b.key.heads, weight: keyNorm, output: b.key.heads, on: stream)
    }
    try layer.kernels.rope(
      query: b.query, key: b.key, cosSinCache: rotaryTable, positions: batch.positions, on: stream)
    try layer.kernels.store(
      key: b.key, value: b.value, keyCache: kv.keys[index], valueCache: kv.values[index],
      keyScales: kv.keyScales?[index], valueScales: kv.valueScales?[index], slots: batch.slots, on: stream)
    try layer.kernels.attention(
      query: b.query, keyCache: kv.keys[index], valueCache: kv.values[index], keyScales: kv.keyScales?[index],
      valueScales: kv.valueScales?[index], qoIndptr: batch.qoIndptr, kvIndptr: batch.kvIndptr,
      kvIndices: batch.kvIndices, kvLastPageLen: batch.kvLastPageLen, output: b.attention,
      lse: b.lse, on: stream)
    try layer.output(b.attentionRows, output: b.hidden, on: stream)
  }

  /// normed → hidden.
  private func feedForward(
    _ layer: DecoderLayer, _ b: DecoderWorkspace.Buffers, on stream: any ExecutionStream
  ) throws(KernelError) {
    try stream.reading(b.normed) { () throws(KernelError) in
      try layer.gate(b.normed, output: b.gate, on: stream)
      try layer.up(b.normed, output: b.up, on: stream)
    }
    try layer.kernels.activation(b.gateUp, output: b.activated, on: stream)
    try layer.down(b.activated, output: b.hidden, on: stream)
  }

  private func gatherRows(_ rows: [Int], of source: Tensor, into target: Tensor) {
    let bytes = source.shape[1] * 4
    for (i, row) in rows.enumerated() {
      (target.pointer + i * bytes).copyMemory(from: source.pointer + row * bytes, byteCount: bytes)
    }
  }
}

extension Tensor {
  /// [tokens, heads, dim] as [tokens * heads, dim].
  fileprivate var heads: Tensor { reshaped([shape[0] * shape[1], shape[2]]) }
}
