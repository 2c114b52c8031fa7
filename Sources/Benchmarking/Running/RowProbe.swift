import Glibc
import KernelRuntime
import Tensors
import Traces

/// Whether a row's result depends on that row alone: the same rows are computed in a batch, then on their own, and must
/// have the same bits.
struct RowProbe {
  private enum Kind {
    /// One variable axis leads every output and the inputs that have it.
    case rows(axis: String)
    /// Ragged queries over a paged cache: a row's result depends on its sequence.
    case sequences
  }
  private let kind: Kind
  private let definition: Definition
  /// The batch.
  private let whole: Call

  /// One call's variable axes, and its inputs without those held constant.
  struct Call {
    var axes: OrderedMap<Int>
    var arguments: OrderedMap<KernelArgument>
  }

  /// nil when the rows cannot be told apart, or there is only one and no more can be made.
  init?(_ definition: Definition, _ workload: Workload, axes: OrderedMap<Int>, root: String?, seed: UInt64) {
    self.definition = definition
    guard let kind = Self.kind(of: definition) else { return nil }
    self.kind = kind
    var workload = workload
    switch kind {
    case .rows(let axis):
      let comesFromFiles = workload.inputs.contains { if case .safetensors = $0.value { true } else { false } }
      guard let rows = axes[axis] else { return nil }
      if rows < 3 && !comesFromFiles { workload.axes[axis] = 3 }
      if workload.axes[axis] ?? 0 < 2 { return nil }
    case .sequences:
      guard let axis = definition.inputs["kv_last_page_len"]?.shape?.first, axes[axis] ?? 0 > 1 else { return nil }
    }
    let (generated, values) = ConstantInputs.removed(from: definition, workload)
    guard let made = try? WorkloadInputs(generated, values, seed: seed &+ 77, root: root),
      let axes = try? definition.variableAxes(of: workload)
    else { return nil }
    whole = Call(axes: axes, arguments: made.arguments)
  }

  private static func kind(of definition: Definition) -> Kind? {
    let ragged = ["q", "qo_indptr", "kv_indptr", "kv_indices", "kv_last_page_len"]
    if ragged.allSatisfy({ definition.inputs[$0]?.shape?.isEmpty == false }) { return .sequences }
    guard let axis = definition.outputs.first?.value.shape?.first, definition.axes[axis]?.isVariable == true,
      definition.outputs.allSatisfy({ $0.value.shape?.first == axis }),
      !definition.constraints.contains(where: { $0.contains(axis) })
    else { return nil }
    let specs = definition.inputs.values + definition.outputs.values
    let onlyLeads = specs.allSatisfy { spec in
      !(spec.shape ?? []).dropFirst().contains(axis) && (spec.shape?.first != axis || spec.dtype.bitWidth >= 8)
    }
    // What the operation goes over leads its first tensor, too: a cache that is written to is led by its pages.
    let names = ConstantInputs.names(of: definition)
    let leading = definition.inputs.first { !$0.value.isScalar && !names.contains($0.name) }
    return onlyLeads && leading?.value.shape?.first == axis ? .rows(axis: axis) : nil
  }

  /// The largest plan that the probe uses.
  func wholePlan(scalars: [String: Double], constants: [String], copies: Int) throws(WorkloadError) -> ArgumentPlan {
    try plan(whole, scalars: scalars, constants: constants, copies: copies)
  }

  private func plan(
    _ call: Call, scalars: [String: Double], constants: [String], copies: Int
  ) throws(WorkloadError) -> ArgumentPlan {
    var shapes: [String: [Int]] = [:]
    do throws(SignatureError) {
      for (name, shape) in zip(definition.inputs.names, try definition.inputShapes(axes: call.axes)) {
        shapes[name] = shape
      }
      for (name, shape) in zip(definition.outputs.names, try definition.outputShapes(axes: call.axes)) {
        shapes[name] = shape
      }
    } catch { throw WorkloadError(.signature, definition: definition.name, "\(error)") }
    return try ArgumentPlan(
      definition, shapes: shapes, scalars: scalars, constants: constants, copies: copies, shared: [], slots: 1)
  }

  /// Whether rows have the same bits alone as in the batch.
  /// - run: lays out and calls the kernel; gives its outputs.
  func isInvariant(
    scalars: [String: Double], constants: [String], copies: Int,
    run: (ArgumentPlan, OrderedMap<KernelArgument>) throws(EvaluationFailure) -> OrderedMap<Tensor>
  ) throws(EvaluationFailure) -> Bool {
    func outputs(_ call: Call) throws(EvaluationFailure) -> OrderedMap<Tensor> {
      let plan: ArgumentPlan
      do throws(WorkloadError) {
        plan = try self.plan(call, scalars: scalars, constants: constants, copies: copies)
      } catch { throw EvaluationFailure(status: .runtimeError, reason: error.description) }
      return try run(plan, call.arguments)
    }
    let together = try outputs(whole)
    for part in parts() {
      let alone = try outputs(part.call)
      for (name, tensor) in alone {
        guard let batch = together[name] else { continue }
        let start = part.rows.lowerBound * Self.rowBytes(batch)
        if memcmp(batch.pointer + start, tensor.pointer, tensor.byteCount) != 0 { return false }
      }
    }
    return true
  }

  private static func rowBytes(_ tensor: Tensor) -> Int {
    tensor.shape.rank == 0 || tensor.shape[0] == 0 ? 0 : tensor.byteCount / tensor.shape[0]
  }

  /// The first rows, the last, and two in between.
  private func parts() -> [(rows: Range<Int>, call: Call)] {
    switch kind {
    case .rows(let axis):
      let count = whole.axes[axis] ?? 0
      return [0..<1, count - 1..<count, 1..<min(3, count)].map { rows in
        var call = whole
        call.axes[axis] = rows.count
        for (name, argument) in whole.arguments where definition.inputs[name]?.shape?.first == axis {
          if case .tensor(let tensor) = argument { call.arguments[name] = .tensor(tensor.narrow(0, rows)) }
        }
        return (rows, call)
      }
    case .sequences:
      let count = whole.arguments["kv_last_page_len"]?.tensor.shape[0] ?? 0
      return [0, count - 1].compactMap(sequence)
    }
  }

  private func sequence(_ i: Int) -> (rows: Range<Int>, call: Call)? {
    guard let queries = whole.arguments["qo_indptr"]?.tensor.int32s,
      let table = whole.arguments["kv_indptr"]?.tensor.int32s,
      i + 1 < queries.count, i + 1 < table.count
    else { return nil }
    let rows = Int(queries[i])..<Int(queries[i + 1]), pages = Int(table[i])..<Int(table[i + 1])
    var call = whole
    func replace(_ name: String, _ tensor: Tensor?) {
      guard let tensor, let axis = definition.inputs[name]?.shape?.first else { return }
      call.arguments[name] = .tensor(tensor)
      call.axes[axis] = tensor.shape[0]
    }
    replace("q", whole.arguments["q"]?.tensor.narrow(0, rows))
    replace("qo_indptr", Tensor([0, Int32(rows.count)], [2]))
    replace("kv_indptr", Tensor([0, Int32(pages.count)], [2]))
    replace("kv_indices", whole.arguments["kv_indices"]?.tensor.narrow(0, pages))
    replace("kv_last_page_len", whole.arguments["kv_last_page_len"]?.tensor.narrow(0, i..<i + 1))
    return (rows, call)
  }
}

extension Tensor {
  fileprivate func narrow(_ axis: Int, _ range: Range<Int>) -> Tensor {
    narrow(axis, from: range.lowerBound, count: range.count)
  }
}
