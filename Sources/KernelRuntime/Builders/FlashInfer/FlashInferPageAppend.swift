import CUDADriver
import Synchronization
import Tensors
import Traces

/// `append_paged_kv_cache(key, value, batch_indices, positions, k_cache, v_cache, indices, indptr, last_page_len, layout)`.
///
/// FlashInfer finds a token's place by its sequence and position. Here all tokens belong to one sequence whose block table
/// is 0, 1, 2 …: then position `slot` is page `slot / page_size` at `slot % page_size`, which is what a slot means.
final class FlashInferPageAppend: Kernel {
  private let function: FFIFunction
  private let device: Device
  private let pageSize: Int
  private let tables = Mutex(Tables())

  /// Made once, and again when a call has more tokens or other caches.
  private struct Tables {
    var sequences: Tensor?
    var pages: Tensor?, bounds: Tensor?, lastPage: Tensor?
  }

  init(_ modules: FlashInferModules, _ definition: Definition, _ device: Device) throws(KernelError) {
    function = try FFIFunction(modules.library("page"), "append_paged_kv_cache")
    guard let pageSize = definition.axes["page_size"]?.value else {
      throw KernelError(.buildFailed, definition: definition.name, "needs a constant axis page_size")
    }
    (self.device, self.pageSize) = (device, pageSize)
  }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    let stream = try FlashInferStream(stream, function.library, device)
    let key = arguments[0].tensor, value = arguments[1].tensor, slots = arguments[2].tensor
    for i in [0, 1] { try stream.copy(arguments[3 + i].tensor, to: arguments[5 + i].tensor) }
    let keys = arguments[5].tensor, values = arguments[6].tensor, count = slots.shape[0]
    if count == 0 { return }
    let (sequences, pages, bounds, lastPage) = try tables.withLock { tables throws(KernelError) in
      try prepare(&tables, tokens: count, pages: keys.shape[0], stream)
    }
    try function(
      .tensor(key), .tensor(value), .tensor(sequences), .tensor(slots), .tensor(keys), .tensor(values), .tensor(pages),
      .tensor(bounds), .tensor(lastPage), .int(FlashInferDecode.pagesFirst))
  }

  private func prepare(
    _ tables: inout Tables, tokens: Int, pages: Int, _ stream: FlashInferStream
  ) throws(KernelError) -> (Tensor, Tensor, Tensor, Tensor) {
    func onDevice(_ numbers: [Int32]) throws(KernelError) -> Tensor {
      try stream.perform { () throws(CUDAError) in try stream.stream.tensor(copying: Tensor(numbers, [numbers.count])) }
    }
    if tables.sequences.map({ $0.shape[0] < tokens }) ?? true {
      tables.sequences = try onDevice([Int32](repeating: 0, count: max(1024, tokens)))
    }
    if tables.pages.map({ $0.shape[0] != pages }) ?? true {
      tables.pages = try onDevice((0..<Int32(truncatingIfNeeded: pages)).map { $0 })
      tables.bounds = try onDevice([0, Int32(truncatingIfNeeded: pages)])
      tables.lastPage = try onDevice([Int32(truncatingIfNeeded: pageSize)])
    }
    let sequences = tables.sequences!
    return (
      Tensor(viewing: sequences.storage, .int32, [tokens], byteOffset: 0), tables.pages!, tables.bounds!,
      tables.lastPage!
    )
  }
}
