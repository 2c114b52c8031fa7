import KernelRuntime
import Kernels
import Tensors

/// Passes that may leave their last sequences to later ones; see `Shedding`.
extension Decoder {
  func forward(
    _ whole: ForwardBatch, _ kv: KVStore, _ workspace: DecoderWorkspace, _ shedding: Shedding,
    on stream: any ExecutionStream
  ) throws(KernelError) -> (logits: Tensor, shed: PausedRows?) {
    let rows = 0..<whole.tokenCount, border = whole.rowCount(ofFirst: shedding.kept)
    let kept = whole.rows(0..<border, pageSize: kv.pageSize)
    let others = whole.rows(border..<rows.upperBound, pageSize: kv.pageSize)
    var paused = shedding.resumed, isWhole = false
    if border > 0 { (isWhole, paused) = try keep(kept, of: whole, kv, workspace, shedding, on: stream) }
    let shed = isWhole ? nil : try advance(others, behind: kept, paused, kv, workspace, shedding, on: stream)
    let samples = shed == nil ? whole.sampledRows.count : kept.sampledRows.count
    return (workspace.buffers(rows: rows, samples: 0..<samples).logits, shed)
  }

  /// Those that are kept go through all layers, the others with them as long as there is room.
  /// - Returns: whether the others were in all layers, and if not, their rows, once they were in one.
  private func keep(
    _ kept: ForwardBatch, of whole: ForwardBatch, _ kv: KVStore, _ workspace: DecoderWorkspace, _ shedding: Shedding,
    on stream: any ExecutionStream
  ) throws(KernelError) -> (isWhole: Bool, others: PausedRows?) {
    // The first rows of each buffer are those of the first sequences, however many there are.
    func buffers(_ batch: ForwardBatch) -> DecoderWorkspace.Buffers {
      workspace.buffers(rows: 0..<batch.tokenCount, samples: 0..<batch.sampledRows.count)
    }
    var isWhole = shedding.isTogether, others = shedding.resumed
    var batch = isWhole ? whole : kept, b = buffers(batch)
    let rows = whole.tokenCount - kept.tokenCount
    try embed(batch, b, on: stream)
    for half in 0..<halfCount {
      try run(half, batch, kv, b, on: stream)
      let room = shedding.room(PassProgress(isWhole ? .together : .kept, done: half + 1, of: halfCount, rows: rows))
      if isWhole, room < rows, half + 1 < halfCount {
        others = PausedRows(kept.tokenCount..<whole.tokenCount, of: b, done: half + 1, ahead: 0)
        (batch, b, isWhole) = (kept, buffers(kept), false)
      }
    }
    try finish(batch, b, on: stream)
    return (isWhole, others)
  }

  /// The others go on by themselves, as far as there is room.
  /// - paused: where they are, if they are behind the embedding.
  /// - Returns: where they are afterwards, if they have not come to their end.
  private func advance(
    _ others: ForwardBatch, behind kept: ForwardBatch, _ paused: PausedRows?, _ kv: KVStore,
    _ workspace: DecoderWorkspace, _ shedding: Shedding, on stream: any ExecutionStream
  ) throws(KernelError) -> PausedRows? {
    let rows = others.tokenCount, samples = kept.sampledRows.count
    func buffers(_ part: Range<Int>) -> DecoderWorkspace.Buffers {
      workspace.buffers(
        rows: kept.tokenCount + part.lowerBound..<kept.tokenCount + part.upperBound,
        samples: samples..<samples + others.sampledRows.count)
    }
    let b = buffers(0..<rows)
    var done = paused?.done ?? 0, ahead = paused?.ahead ?? 0
    if let paused { paused.put(into: b) } else { try embed(others, b, on: stream) }
    while true {
      let room = shedding.room(PassProgress(.others, done: done, of: halfCount, rows: rows, ahead: ahead))
      if done == halfCount { break }
      let part = ahead..<min(rows, ahead + room)
      if part.isEmpty { return PausedRows(0..<rows, of: b, done: done, ahead: ahead) }
      let batch = part.count == rows ? others : others.rows(part, pageSize: kv.pageSize)
      try run(done, batch, kv, part.count == rows ? b : buffers(part), on: stream)
      (done, ahead) = part.upperBound == rows ? (done + 1, 0) : (done, part.upperBound)
    }
    try finish(others, b, on: stream)
    return nil
  }
}
