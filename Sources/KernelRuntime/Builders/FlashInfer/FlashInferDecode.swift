import CUDADriver
import Synchronization
import Tensors
import Traces

/// FlashInfer's batch decode: `plan` cuts the sequences into pieces of about equal work from their lengths on the host,
/// `run` computes them. A plan is kept until the lengths change.
final class FlashInferDecode: Kernel {
  /// `QKVLayout::kNHD`: [pages, page size, heads, dim].
  static let pagesFirst = 0
  /// What FlashInfer's own wrapper takes.
  private static let floatBytes = 128 << 20, intBytes = 8 << 20

  private let plan: FFIFunction, execute: FFIFunction
  private let device: Device, type: DType
  private let queryHeads: Int, keyValueHeads: Int, headDimension: Int, pageSize: Int
  private let state = Mutex(State())

  private struct State {
    var workspace: Workspace?
    var lengths: [Int32] = []
    var plan: FFIObject?
  }

  private struct Workspace {
    let floats: Tensor, ints: Tensor, pinned: Tensor
    /// Tensors of which only the type is looked at.
    let empty: Tensor
  }

  /// The module for a definition; nil when its types differ.
  static func module(_ definition: Definition) -> String? {
    guard let type = definition.inputs["q"]?.dtype, [.bfloat16, .float16].contains(type),
      definition.inputs["k_cache"]?.dtype == type, let dimension = definition.axes["head_dim"]?.value
    else { return nil }
    return "batch_decode_\(type.rawValue)_d\(dimension)"
  }

  init(_ modules: FlashInferModules, _ definition: Definition, _ device: Device) throws(KernelError) {
    func constant(_ axis: String) throws(KernelError) -> Int {
      if let value = definition.axes[axis]?.value { return value }
      throw KernelError(.buildFailed, definition: definition.name, "needs a constant axis \(axis)")
    }
    guard let module = Self.module(definition), let type = definition.inputs["q"]?.dtype else {
      throw KernelError(.buildFailed, definition: definition.name, "needs one of bfloat16 and float16 throughout")
    }
    let library = try modules.library(module)
    (plan, execute) = (try FFIFunction(library, "plan"), try FFIFunction(library, "run"))
    (self.device, self.type) = (device, type)
    (queryHeads, keyValueHeads) = (try constant("num_qo_heads"), try constant("num_kv_heads"))
    (headDimension, pageSize) = (try constant("head_dim"), try constant("page_size"))
  }

  /// q, k_cache, v_cache, kv_indptr, kv_indices, kv_last_page_len, sm_scale, output, lse.
  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    let stream = try FlashInferStream(stream, execute.library, device)
    func tensor(_ i: Int) -> FFIArgument { .tensor(arguments[i].tensor) }
    let query = arguments[0].tensor, indptr = arguments[3].tensor
    if query.shape[0] == 0 { return }
    try state.withLock { state throws(KernelError) in
      let workspace = try workspace(&state, stream)
      let plan = try currentPlan(&state, workspace, indptr, stream)
      try execute.call([
        .tensor(workspace.floats), .tensor(workspace.ints), .object(plan), tensor(0), tensor(1), tensor(2), tensor(3),
        tensor(4), tensor(5), tensor(7), tensor(8), .int(Self.pagesFirst), .int(-1), .bool(false),
        // alibi slopes, soft cap, scale, and rope's reciprocals, which are not used
        .none, .float(0), .float(arguments[6].scalar), .float(1), .float(1e-4),
      ])
    }
  }

  private func currentPlan(
    _ state: inout State, _ workspace: Workspace, _ indptr: Tensor, _ stream: FlashInferStream
  ) throws(KernelError) -> FFIObject {
    let host = try stream.perform { () throws(CUDAError) in try stream.stream.hostCopy(of: indptr) }
    let lengths = (0..<host.count).map { host.elements(as: Int32.self)[$0] }
    if let plan = state.plan, lengths == state.lengths { return plan }
    let made = try plan.call([
      .tensor(workspace.floats), .tensor(workspace.ints), .tensor(workspace.pinned), .tensor(host),
      .int(lengths.count - 1), .int(queryHeads), .int(keyValueHeads), .int(pageSize), .bool(false), .int(-1), .float(0),
      .int(headDimension), .int(headDimension), .tensor(workspace.empty), .tensor(workspace.empty),
    ])
    guard let made else { throw KernelError(.runFailed, "FlashInfer's plan returned nothing") }
    (state.plan, state.lengths) = (made, lengths)
    return made
  }

  private func workspace(_ state: inout State, _ stream: FlashInferStream) throws(KernelError) -> Workspace {
    if let workspace = state.workspace { return workspace }
    let workspace = try stream.perform { () throws(CUDAError) -> Workspace in
      let context = stream.driver.context
      let pinned = try PinnedMemory(context, byteCount: Self.intBytes)
      return Workspace(
        floats: try context.tensor(.int8, [Self.floatBytes]), ints: try context.tensor(.int8, [Self.intBytes]),
        pinned: Tensor(
          viewing: Storage(borrowing: pinned.pointer, byteCount: pinned.byteCount, owner: pinned), .int8,
          [pinned.byteCount], byteOffset: 0),
        empty: try context.tensor(type, [0]))
    }
    state.workspace = workspace
    return workspace
  }
}
