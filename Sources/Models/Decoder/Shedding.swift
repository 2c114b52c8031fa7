import Tensors

/// Lets a forward pass go on without the last sequences of its batch, and a later one go on with them.
///
///     layer      0        10        20        30
///     step 1     |-- prompt --|                     no time for more: the prompt's rows are kept as they are
///                |------- decoding ----------|
///     step 2                  |-- prompt ----|      they come in again where they left
///                |------- decoding ----------|
///
/// What a row becomes depends on no row of another sequence, so that results are the same as in one step.
public struct Shedding {
  /// How many sequences go through all layers, the first ones; at least one.
  public let kept: Int
  /// Asked after each half of a layer. When it says yes behind one that all sequences were in, the sequences behind those
  /// kept are left out of the next.
  public let isDue: (PassProgress) -> Bool
  /// The rows of the sequences behind those kept, where an earlier pass has left them out.
  public let resumed: PausedRows?

  public init(kept: Int, resumed: PausedRows? = nil, isDue: @escaping (PassProgress) -> Bool) {
    (self.kept, self.resumed, self.isDue) = (kept, resumed, isDue)
  }
}

/// How far a pass has come, in halves of layers: attention, then feed-forward.
public struct PassProgress: Sendable, Hashable {
  /// Halves done, and how many there are.
  public let done: Int, count: Int
  /// Whether all sequences were in the last of them.
  public let isWhole: Bool

  public init(done: Int, of count: Int, isWhole: Bool) {
    (self.done, self.count, self.isWhole) = (done, count, isWhole)
  }
}

/// Rows between two halves of layers.
public struct PausedRows: Sendable {
  /// How many halves of layers they are behind.
  public let done: Int
  /// [rows, hidden] float32: the residual stream, and the same normed for the next half.
  let residual: Tensor, normed: Tensor

  /// Copies the rows behind the first `kept`.
  init(behind kept: Int, of buffers: DecoderWorkspace.Buffers, done: Int) {
    func rows(_ tensor: Tensor) -> Tensor {
      let rows = tensor.narrow(0, from: kept, count: tensor.shape[0] - kept), copy = Tensor(.float32, rows.shape)
      copy.pointer.copyMemory(from: rows.pointer, byteCount: rows.byteCount)
      return copy
    }
    (self.done, residual, normed) = (done, rows(buffers.residual), rows(buffers.normed))
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
