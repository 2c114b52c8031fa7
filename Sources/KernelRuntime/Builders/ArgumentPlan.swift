import Tensors
import Traces

/// Where each argument of a definition comes from in a call: from the caller, or from what was held constant at bind.
struct ArgumentPlan: Sendable {
  enum Source: Sendable {
    /// Position among the caller's arguments.
    case given(Int)
    case constant(Tensor)
  }
  struct Slot: Sendable {
    let name: String
    let dtype: DType
    /// Axes of a tensor; 0 for a scalar.
    let rank: Int
    let isScalar: Bool
    let isOutput: Bool
    let source: Source
  }

  /// The definition's inputs, then its outputs.
  let slots: [Slot]
  /// How many arguments a caller gives.
  let givenCount: Int
  private let definition: String
  /// Where tensors must be.
  private let device: Device

  /// - Throws: `buildFailed` for a constant that is no tensor input, and for an output that is a host scalar.
  init(_ definition: Definition, constants: [String: Tensor], device: Device = .cpu) throws(KernelError) {
    self.device = device
    for name in constants.keys.sorted() where definition.inputs[name]?.isScalar ?? true {
      throw KernelError(
        .buildFailed, definition: definition.name,
        "\(name) is held constant, but the tensor inputs are "
          + definition.inputs.filter { !$0.value.isScalar }.map(\.name).joined(separator: ", "))
    }
    var slots: [Slot] = []
    var given = 0
    for (position, (name, spec)) in (Array(definition.inputs) + Array(definition.outputs)).enumerated() {
      let isOutput = position >= definition.inputs.count
      if isOutput && spec.isScalar {
        throw KernelError(
          .buildFailed, definition: definition.name,
          "the output \(name) is a host scalar, which a kernel has no place to write; make it a tensor of shape []")
      }
      if !isOutput, let constant = constants[name] {
        slots.append(
          Slot(
            name: name, dtype: spec.dtype, rank: spec.shape?.count ?? 0, isScalar: false, isOutput: false,
            source: .constant(constant)))
      } else {
        slots.append(
          Slot(
            name: name, dtype: spec.dtype, rank: spec.shape?.count ?? 0, isScalar: spec.isScalar, isOutput: isOutput,
            source: .given(given)))
        given += 1
      }
    }
    (self.slots, givenCount, self.definition) = (slots, given, definition.name)
  }

  /// What is wrong with a call's arguments, as far as it would be dangerous to go on; the `BoundKernel` has checked more.
  /// - Throws: `signatureMismatch`.
  func check(_ arguments: [KernelArgument]) throws(KernelError) {
    func mismatch(_ reason: String) -> KernelError {
      KernelError(.signatureMismatch, definition: definition, reason)
    }
    guard arguments.count == givenCount else {
      let names = slots.compactMap { if case .given = $0.source { $0.name } else { nil } }
      throw mismatch("\(arguments.count) arguments, expected \(givenCount): \(names.joined(separator: ", "))")
    }
    for slot in slots {
      guard let argument = argument(slot, arguments) else { continue }
      switch argument {
      case .tensor(let tensor):
        if slot.isScalar { throw mismatch("\(slot.name) is a scalar, found a tensor") }
        if tensor.dtype != slot.dtype {
          throw mismatch("\(slot.name) is \(tensor.dtype.rawValue), expected \(slot.dtype.rawValue)")
        }
        if tensor.shape.rank != slot.rank {
          throw mismatch("\(slot.name) has shape \(tensor.shape), expected \(slot.rank) axes")
        }
        if tensor.device != device {
          throw mismatch("\(slot.name) is on \(tensor.device), expected on \(device == .cpu ? "the cpu" : "\(device)")")
        }
      case .scalar(let value):
        if !slot.isScalar { throw mismatch("\(slot.name) is a tensor, found a scalar") }
        if !slot.dtype.isFloatingPoint, Int64(exactly: value) == nil {
          throw mismatch("\(slot.name) is \(value), expected an integer")
        }
      }
    }
  }

  /// The argument of a slot; nil only when there are too few.
  func argument(_ slot: Slot, _ arguments: [KernelArgument]) -> KernelArgument? {
    switch slot.source {
    case .given(let position): position < arguments.count ? arguments[position] : nil
    case .constant(let tensor): .tensor(tensor)
    }
  }
}
