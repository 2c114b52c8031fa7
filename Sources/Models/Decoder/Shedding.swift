import Tensors

/// Lets a forward pass go on without the last sequences of its batch, and a later one go on with them.
///
///     layer      0        10        20        30
///     step 1     |-- prompt --|                     late after layer 12: the prompt's rows are kept as they are
///                |------- decoding ----------|
///     step 2                  |-- prompt ----|      they come in again where they left
///                |------- decoding ----------|
///
/// What a row becomes depends on no row of another sequence, so that results are the same as in one step.
public struct Shedding {
  /// How many sequences go through all layers, the first ones; at least one.
  public let kept: Int
  /// Asked after each layer that all sequences were in, with how many are done and how many there are, until it says yes;
  /// then the sequences behind those kept are left out.
  public let isDue: (_ layers: Int, _ count: Int) -> Bool
  /// The rows of the sequences behind those kept, where an earlier pass has left them out.
  public let resumed: PausedRows?

  public init(kept: Int, resumed: PausedRows? = nil, isDue: @escaping (_ layers: Int, _ count: Int) -> Bool) {
    (self.kept, self.resumed, self.isDue) = (kept, resumed, isDue)
  }
}

/// Rows between two layers.
public struct PausedRows: Sendable {
  /// The layer that is next.
  public let layer: Int
  /// [rows, hidden] float32: the residual stream, and the same normed for that layer.
  let residual: Tensor, normed: Tensor

  /// Copies the rows behind the first `kept`.
  init(behind kept: Int, of buffers: DecoderWorkspace.Buffers, layer: Int) {
    func rows(_ tensor: Tensor) -> Tensor {
      let rows = tensor.narrow(0, from: kept, count: tensor.shape[0] - kept), copy = Tensor(.float32, rows.shape)
      copy.pointer.copyMemory(from: rows.pointer, byteCount: rows.byteCount)
      return copy
    }
    (self.layer, residual, normed) = (layer, rows(buffers.residual), rows(buffers.normed))
  }

  /// Puts them behind the first rows.
  func put(into buffers: DecoderWorkspace.Buffers) {
    for (rows, all) in [(residual, buffers.residual), (normed, buffers.normed)] {
      let place = all.narrow(0, from: all.shape[0] - rows.shape[0], count: rows.shape[0])
      place.pointer.copyMemory(from: rows.pointer, byteCount: rows.byteCount)
    }
  }
}

extension ForwardBatch {
  /// The batch of its first `count` sequences; views, no copies.
  func first(_ count: Int) -> ForwardBatch {
    var batch = self
    let tokens = Int(qoIndptr.elements(as: Int32.self)[count]), pages = Int(kvIndptr.elements(as: Int32.self)[count])
    func first(_ tensor: Tensor, _ count: Int) -> Tensor { tensor.narrow(0, from: 0, count: count) }
    (batch.tokens, batch.positions) = (first(self.tokens, tokens), first(positions, tokens))
    batch.slots = first(slots, tokens)
    (batch.qoIndptr, batch.kvIndptr) = (first(qoIndptr, count + 1), first(kvIndptr, count + 1))
    (batch.kvIndices, batch.kvLastPageLen) = (first(kvIndices, pages), first(kvLastPageLen, count))
    batch.sampledRows = Array(sampledRows.prefix { $0 < tokens })
    return batch
  }
}
