import KernelRuntime
import Tensors
import Traces

/// Where everything of one shape of call lies in the two memories.
///
/// Each slot begins at another distance from a page, so that no two slots have addresses alike; outputs stand between guard
/// bytes. An input that shares its memory with an output lies in `outputs`, where the kernel may write.
struct ArgumentPlan: Sendable, Hashable {
  let layout: ArgumentLayout
  let constants: [ArgumentLayout.TensorPlace]
  /// In the definition's order.
  let outputs: [ArgumentLayout.TensorPlace]
  /// Inputs that the kernel may only read, and those that lie where an output does.
  let readOnly: [ArgumentLayout.TensorPlace], shared: [ArgumentLayout.TensorPlace]
  let inputBytes: Int, outputBytes: Int

  /// Places for tensors from the start of one memory on.
  private struct Cursor {
    var end = WorkerMemory.reserved

    /// 64-byte aligned, with room for guard bytes on both sides.
    mutating func take(_ byteCount: Int, shift: Int) throws(WorkloadError) -> Int {
      let start = (end + GuardBytes.width + 63) / 64 * 64 + shift
      let (sum, overflow) = start.addingReportingOverflow(byteCount + GuardBytes.width)
      guard !overflow, sum <= ArgumentPlan.limit else {
        throw WorkloadError(.limit, "the arguments take more than \(ArgumentPlan.limit >> 30) GiB")
      }
      end = sum
      return start
    }
  }
  private static let limit = 64 << 30

  /// - shapes: of all inputs and outputs that are tensors.
  /// - scalars: values of the scalar inputs, the same in all slots.
  /// - shared: pairs that share their memory.
  init(
    _ definition: Definition, shapes: [String: [Int]], scalars: [String: Double], constants names: [String],
    copies: Int, shared pairs: [InPlacePair], slots: Int
  ) throws(WorkloadError) {
    var inputs = Cursor(), results = Cursor()
    func place(_ name: String, _ spec: TensorSpec, _ place: ArgumentLayout.Place) throws(WorkloadError)
      -> ArgumentLayout.TensorPlace
    {
      guard let shape = shapes[name], spec.shape != nil else {
        throw WorkloadError(
          .signature, definition: definition.name, subject: name, "a scalar output has no place to be written to")
      }
      return .init(name: name, dtype: spec.dtype, shape: shape, place: place, offsets: [])
    }
    var fixed: [ArgumentLayout.TensorPlace] = []
    for name in names {
      guard let spec = definition.inputs[name] else { continue }
      var tensor = try place(name, spec, .inputs)
      for copy in 0..<copies { tensor.offsets.append(try inputs.take(tensor.byteCount, shift: copy % 5 * 64)) }
      fixed.append(tensor)
    }
    let isShared = { (name: String) in pairs.contains { $0.input == name } }
    var readOnly: [ArgumentLayout.TensorPlace] = [], outputs: [ArgumentLayout.TensorPlace] = []
    for (name, spec) in definition.inputs where !spec.isScalar && !names.contains(name) && !isShared(name) {
      readOnly.append(try place(name, spec, .inputs))
    }
    for (name, spec) in definition.outputs { outputs.append(try place(name, spec, .outputs)) }
    for slot in 0..<slots {
      let shift = slot % 7 * 3 * 64
      for i in readOnly.indices {
        readOnly[i].offsets.append(try inputs.take(readOnly[i].byteCount, shift: shift))
      }
      for i in outputs.indices { outputs[i].offsets.append(try results.take(outputs[i].byteCount, shift: shift)) }
    }
    var shared: [ArgumentLayout.TensorPlace] = []
    for pair in pairs {
      guard var tensor = outputs.first(where: { $0.name == pair.output }) else { continue }
      tensor.name = pair.input
      shared.append(tensor)
    }
    let arguments = definition.inputs.filter { !names.contains($0.name) }.map { name, spec -> ArgumentLayout.Argument in
      if spec.isScalar {
        return .scalar(name: name, values: Array(repeating: scalars[name] ?? 0, count: slots))
      }
      return .tensor((readOnly + shared).first { $0.name == name }!)  // one of the two was made above
    }
    layout = ArgumentLayout(
      arguments: arguments + outputs.map { .tensor($0) }, outputCount: outputs.count, slotCount: slots)
    (constants, self.outputs, self.readOnly, self.shared) = (fixed, outputs, readOnly, shared)
    (inputBytes, outputBytes) = (inputs.end, results.end)
  }

  /// Bytes that one slot takes of the two memories together, about.
  var slotBytes: Int {
    (readOnly + outputs).reduce(0) { $0 + $1.byteCount + 2 * GuardBytes.width + 64 }
  }
}
