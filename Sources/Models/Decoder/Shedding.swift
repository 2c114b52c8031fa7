import Tensors

/// Lets a forward pass leave the last sequences of its batch to later ones, between two halves of layers.
///
///     step 1   decoding, layers 0 ..< 30 ──► prompt, layers 0 ..< 4      no time for more: its rows are kept as they are
///     step 2   decoding, layers 0 ..< 30 ──► prompt, layers 4 ..< 7.3    and go on from there, some of them even ahead
///
/// Those that are computed in any case come first, since the others can fill what time they leave, whatever they took.
/// Where all of the batch is expected to be in time they go through the layers together, so that weights are read once.
///
/// What a row becomes depends on no row of another sequence, and on none behind it: results are the same as in one step.
public struct Shedding {
  /// How many sequences go through all layers, the first ones; none if there are only others to go on with.
  public let kept: Int
  /// Whether the others go through the layers together with those kept, as long as there is room for them.
  public let isTogether: Bool
  /// The rows of the others, where an earlier pass has left them; then not together.
  public let resumed: PausedRows?
  /// Asked for how many of the others' rows there is room in the next half of a layer; see `PassProgress`.
  public let room: (PassProgress) -> Int

  public init(kept: Int, isTogether: Bool, resumed: PausedRows? = nil, room: @escaping (PassProgress) -> Int) {
    precondition(kept > 0 || !isTogether, "nobody to be together with")
    (self.kept, self.isTogether, self.resumed, self.room) = (kept, isTogether && resumed == nil, resumed, room)
  }
}

/// How far a pass has come, in halves of layers: attention, then feed-forward.
public struct PassProgress: Sendable, Hashable {
  /// Which sequences are on their way.
  public enum Part: Sendable {
    /// All of them, half by half. Without room for all rows of the others these are left out from here on.
    case together
    /// Those that are kept; nothing is to be decided.
    case kept
    /// The others by themselves: as many of their rows as there is room for go through the next half, in order; if that is
    /// none, the pass ends. Asked before each half or part of one, and told when all is done.
    case others
  }
  public let part: Part
  /// Halves done, and how many there are.
  public let done: Int, count: Int
  /// Rows of the others, and how many of them, the first, are behind the next half already.
  public let rows: Int, ahead: Int

  /// The part of the way through the layers that is done, 0 to 1, by rows.
  public var way: Double { (Double(done) + Double(ahead) / Double(max(1, rows))) / Double(count) }

  public init(_ part: Part, done: Int, of count: Int, rows: Int, ahead: Int = 0) {
    (self.part, self.done, self.count, self.rows, self.ahead) = (part, done, count, rows, ahead)
  }
}

/// Rows between two halves of layers.
public struct PausedRows: Sendable {
  /// How many halves of layers they are behind; the first `ahead` rows are behind one more.
  public let done: Int, ahead: Int
  /// [rows, hidden] float32: the residual stream, and the same normed for the next half.
  private let residual: Tensor, normed: Tensor

  /// Copies rows of the buffers.
  init(_ rows: Range<Int>, of buffers: DecoderWorkspace.Buffers, done: Int, ahead: Int) {
    func copy(_ tensor: Tensor) -> Tensor {
      let rows = tensor.narrow(0, from: rows.lowerBound, count: rows.count), copy = Tensor(.float32, rows.shape)
      copy.pointer.copyMemory(from: rows.pointer, byteCount: rows.byteCount)
      return copy
    }
    (self.done, self.ahead, residual, normed) = (done, ahead, copy(buffers.residual), copy(buffers.normed))
  }

  /// Puts them into buffers of as many rows.
  func put(into buffers: DecoderWorkspace.Buffers) {
    buffers.residual.pointer.copyMemory(from: residual.pointer, byteCount: residual.byteCount)
    buffers.normed.pointer.copyMemory(from: normed.pointer, byteCount: normed.byteCount)
  }
}

extension ForwardBatch {
  /// How many rows the first `count` sequences have.
  func rowCount(ofFirst count: Int) -> Int { Int(qoIndptr.elements(as: Int32.self)[count]) }

  /// The batch of these rows: sequences with some of them, and their keys and values up to the last of these.
  func rows(_ rows: Range<Int>, pageSize: Int) -> ForwardBatch {
    func slice(_ tensor: Tensor) -> [Int32] {
      Array(UnsafeBufferPointer(start: tensor.elements(as: Int32.self) + rows.lowerBound, count: rows.count))
    }
    let first = qoIndptr.int32s.map(Int.init), firstPage = kvIndptr.int32s.map(Int.init), pages = kvIndices.int32s
    let positions = slice(self.positions)
    var qo: [Int32] = [0], kv: [Int32] = [0], indices: [Int32] = [], last: [Int32] = []
    for s in 0..<first.count - 1 {
      let own = rows.clamped(to: first[s]..<first[s + 1])
      if own.isEmpty { continue }
      let end = Int(positions[own.upperBound - 1 - rows.lowerBound])
      indices += pages[firstPage[s]...firstPage[s] + end / pageSize]
      qo.append(Int32(own.upperBound - rows.lowerBound))
      kv.append(Int32(indices.count))
      last.append(Int32(end % pageSize + 1))
    }
    return ForwardBatch(
      tokens: slice(tokens), positions: positions, slots: slice(slots), qoIndptr: qo, kvIndptr: kv, kvIndices: indices,
      kvLastPageLen: last, sampledRows: sampledRows.filter(rows.contains).map { $0 - rows.lowerBound })
  }
}
