import Tensors

/// One step's work as device tensors, in FlashInfer's CSR form. Sequence i owns the query rows
/// qoIndptr[i] ..< qoIndptr[i+1] and the pages kvIndices[kvIndptr[i] ..< kvIndptr[i+1]].
public struct ForwardBatch: Sendable {
  public var tokens: Tensor  // int32 [total_q]
  public var positions: Tensor  // int32 [total_q], absolute
  public var slots: Tensor  // int32 [total_q], where each new key and value goes: page * page size + offset
  public var qoIndptr: Tensor  // int32 [sequences + 1]
  public var kvIndptr: Tensor  // int32 [sequences + 1]
  public var kvIndices: Tensor  // int32 [pages of all sequences]
  public var kvLastPageLen: Tensor  // int32 [sequences], the new tokens included
  /// Rows of the query whose logits are wanted, ascending.
  public var sampledRows: [Int]

  public init(
    tokens: [Int32], positions: [Int32], slots: [Int32], qoIndptr: [Int32], kvIndptr: [Int32], kvIndices: [Int32],
    kvLastPageLen: [Int32], sampledRows: [Int]
  ) {
    func tensor(_ values: [Int32]) -> Tensor { Tensor(values, [values.count]) }
    self.tokens = tensor(tokens)
    self.positions = tensor(positions)
    self.slots = tensor(slots)
    self.qoIndptr = tensor(qoIndptr)
    self.kvIndptr = tensor(kvIndptr)
    self.kvIndices = tensor(kvIndices)
    self.kvLastPageLen = tensor(kvLastPageLen)
    self.sampledRows = sampledRows
  }

  public var tokenCount: Int { tokens.shape[0] }
}
