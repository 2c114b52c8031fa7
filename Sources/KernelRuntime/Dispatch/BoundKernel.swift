import Tensors
import Traces

/// Sizes of a definition's variable axes in its order; -1 for those that no argument has, and beyond the last.
typealias AxisSizes = InlineArray<16, Int>

/// A definition joined to the solutions that compute it: made once at load, called each step.
///
/// `apply` checks ranks, types, constant axes, that a variable axis has one size in all arguments, and that tensors are
/// contiguous (rows may lie apart where the definition has the tag `strided:<argument>`, pages where it has
/// `strided_pages:<argument>`, which compiled libraries then refuse), and calls the kernel that was chosen for the shape.
public struct BoundKernel: Sendable {
  public var definition: Definition { binding.definition }
  /// The chosen solution's name: the one for all shapes, as it was at bind.
  public var solution: String { binding.solution }
  public var device: Device { binding.device }
  private let binding: Binding

  /// What a call reads, behind one reference: a layer's kernels are copied at every step, and each reference in a copy
  /// is counted.
  private final class Binding: Sendable {
    let slot: KernelSlot
    let signature: [Parameter]
    let device: Device
    let solution: String
    let definition: Definition

    init(_ slot: KernelSlot, _ signature: [Parameter]) {
      (definition, self.slot, device, self.signature) = (slot.definition, slot, slot.context.device, signature)
      solution = slot.plan.entries[slot.plan.overall.entry].solution.name
    }
  }

  /// What one argument must look like.
  private struct Parameter: Sendable {
    let dtype: DType
    let isScalar: Bool
    /// Whether indices of the outermost axis may lie further apart than a contiguous tensor's.
    let isStrided: Bool
    let rank: Int
    /// For each axis: its constant size, or -1 - (number of the variable axis).
    let axes: InlineArray<8, Int>
  }

  init(_ slot: KernelSlot) {
    let definition = slot.definition, variables = definition.varAxes
    let signature = Self.specs(definition, slot.context).map { name, spec in
      var axes = InlineArray<8, Int>(repeating: 0)
      for (i, axis) in (spec.shape ?? []).enumerated() where i < 8 {
        axes[i] = definition.axes[axis]?.value ?? (-1 - (variables.firstIndex(of: axis) ?? 0))
      }
      return Parameter(
        dtype: spec.dtype, isScalar: spec.shape == nil,
        isStrided: definition.tags.contains("strided:\(name)") || definition.tags.contains("strided_pages:\(name)"),
        rank: spec.shape?.count ?? 0, axes: axes)
    }
    binding = Binding(slot, signature)
  }

  /// The arguments of a call, in order.
  private static func specs(_ definition: Definition, _ context: BindContext) -> [(name: String, spec: TensorSpec)] {
    let inputs = definition.inputs.filter { context.constants[$0.name] == nil }
    return (inputs + Array(definition.outputs)).map { (name: $0.name, spec: $0.value) }
  }

  /// Where the objects are that a call reads, for `CallTrail`.
  var trail: [UInt] {
    let signature = binding.signature.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    return [CallTrail.place(of: binding), signature] + binding.slot.trail
  }

  /// Runs the kernel.
  /// - arguments: the definition's inputs without those held constant, then its outputs.
  /// - Throws: `signatureMismatch`, naming the argument and the axis; or what the kernel throws.
  public func apply(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    var sizes = AxisSizes(repeating: -1)  // of the variable axes
    let fits = arguments.withUnsafeBufferPointer { arguments in
      binding.signature.withUnsafeBufferPointer { fit(arguments, $0, &sizes) }
    }
    guard fits, stream.device == device else {
      throw KernelError(
        .signatureMismatch, definition: definition.name, solution: solution, mismatch(arguments, stream))
    }
    try binding.slot.run(arguments, sizes, on: stream)
  }

  /// Whether all arguments are as the signature says. Tensors are looked at where they lie: copying one moves more than a
  /// hundred bytes and counts a reference.
  @inline(__always)
  private func fit(
    _ arguments: UnsafeBufferPointer<KernelArgument>, _ signature: UnsafeBufferPointer<Parameter>,
    _ sizes: inout AxisSizes
  ) -> Bool {
    guard arguments.count == signature.count, let first = arguments.baseAddress, let parameters = signature.baseAddress
    else { return arguments.count == signature.count }
    for i in 0..<arguments.count {
      if case .scalar = first[i] {
        guard parameters[i].isScalar else { return false }
      } else {
        // An enum's payload lies at its beginning.
        let tensor = UnsafeRawPointer(first + i).assumingMemoryBound(to: Tensor.self)
        guard Self.fits(tensor, parameters + i, &sizes) else { return false }
      }
    }
    return true
  }

  @inline(__always)
  private static func fits(
    _ tensor: UnsafePointer<Tensor>, _ parameter: UnsafePointer<Parameter>, _ sizes: inout AxisSizes
  ) -> Bool {
    let rank = parameter.pointee.rank
    guard !parameter.pointee.isScalar, tensor.pointee.dtype == parameter.pointee.dtype,
      tensor.pointee.shape.rank == rank
    else { return false }
    let lowestTight = parameter.pointee.isStrided ? 1 : 0
    var stride = 1, isApart = false
    for axis in Swift.stride(from: rank &- 1, through: 0, by: -1) {
      let size = tensor.pointee.shape[axis], expected = parameter.pointee.axes[axis]
      if size != 1, axis >= lowestTight, tensor.pointee.strides[axis] != stride { isApart = true }
      stride &*= size
      if expected >= 0 {
        guard size == expected else { return false }
      } else {
        let variable = (-1 &- expected) & 15
        if sizes[variable] < 0 { sizes[variable] = size }
        guard sizes[variable] == size else { return false }
      }
    }
    return !isApart || stride == 0
  }

  // MARK: the sentence for a call that does not fit

  private func mismatch(_ arguments: [KernelArgument], _ stream: any ExecutionStream) -> String {
    if stream.device != device { return "bound for \(device), called on \(stream.device)" }
    let specs = Self.specs(definition, binding.slot.context)
    if arguments.count != specs.count {
      return "\(arguments.count) arguments, expected \(specs.count): " + specs.map(\.name).joined(separator: ", ")
    }
    var sizes: [String: Int] = [:]
    for (argument, (name, spec)) in zip(arguments, specs) {
      guard case .tensor(let tensor) = argument else {
        if spec.shape != nil { return "\(name) is a tensor, found a scalar" }
        continue
      }
      guard let shape = spec.shape else { return "\(name) is a scalar, found a tensor" }
      if tensor.dtype != spec.dtype { return "\(name) is \(tensor.dtype.rawValue), expected \(spec.dtype.rawValue)" }
      if tensor.shape.rank != shape.count {
        return "\(name) has shape \(tensor.shape), expected \(shape.count) axes"
      }
      for (number, axis) in shape.enumerated() {
        let size = tensor.shape[number], expected = definition.axes[axis]?.value ?? sizes[axis] ?? size
        if size != expected { return "\(name): axis \(number) (\(axis)) is \(size), expected \(expected)" }
        sizes[axis] = size
      }
      if !tensor.isContiguous {
        return "\(name) has the strides \(tensor.strides) for the shape \(tensor.shape), expected a contiguous tensor"
      }
    }
    return "the arguments do not fit the definition"
  }
}
