import Tensors
import Traces

/// A definition joined to the solution that computes it: made once at load, called each step.
///
/// `apply` checks ranks, types, constant axes, and that a variable axis has one size in all arguments, then calls.
public struct BoundKernel: Sendable {
  public let definition: Definition
  /// The chosen solution's name.
  public let solution: String
  public let device: Device
  private let kernel: any Kernel
  private let signature: [Parameter]

  /// What one argument must look like.
  private struct Parameter: Sendable {
    let name: String
    let dtype: DType
    let isScalar: Bool
    let rank: Int
    /// For each axis: its constant size, or -1 - (number of the variable axis).
    let axes: SIMD8<Int>
  }

  init(definition: Definition, solution: String, kernel: any Kernel, context: BindContext) {
    (self.definition, self.solution, device, self.kernel) = (definition, solution, context.device, kernel)
    let variables = definition.varAxes
    let specs = definition.inputs.filter { context.constants[$0.name] == nil } + Array(definition.outputs)
    signature = specs.map { name, spec in
      var axes = SIMD8<Int>()
      for (i, axis) in (spec.shape ?? []).enumerated() {
        axes[i] = definition.axes[axis]?.value ?? (-1 - (variables.firstIndex(of: axis) ?? 0))
      }
      return Parameter(
        name: name, dtype: spec.dtype, isScalar: spec.shape == nil, rank: spec.shape?.count ?? 0, axes: axes)
    }
  }

  /// Runs the kernel.
  /// - arguments: the definition's inputs without those held constant, then its outputs.
  /// - Throws: `signatureMismatch`, naming the argument and the axis; or what the kernel throws.
  public func apply(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    if let problem = mismatch(arguments, stream) {
      throw KernelError(.signatureMismatch, definition: definition.name, solution: solution, problem)
    }
    try kernel.run(arguments, on: stream)
  }

  private func mismatch(_ arguments: [KernelArgument], _ stream: any ExecutionStream) -> String? {
    if stream.device != device { return "bound for \(device), called on \(stream.device)" }
    if arguments.count != signature.count {
      return "\(arguments.count) arguments, expected \(signature.count): "
        + signature.map(\.name).joined(separator: ", ")
    }
    var sizes = SIMD16<Int>(repeating: -1)  // of the variable axes
    for i in 0..<arguments.count {
      let parameter = signature[i]
      switch arguments[i] {
      case .scalar:
        if !parameter.isScalar { return "\(parameter.name) is a tensor, found a scalar" }
      case .tensor(let tensor):
        if parameter.isScalar { return "\(parameter.name) is a scalar, found a tensor" }
        if tensor.dtype != parameter.dtype {
          return "\(parameter.name) is \(tensor.dtype.rawValue), expected \(parameter.dtype.rawValue)"
        }
        if tensor.shape.rank != parameter.rank {
          return "\(parameter.name) has shape \(tensor.shape), expected \(parameter.rank) axes"
        }
        for axis in 0..<parameter.rank {
          let size = tensor.shape[axis], expected = parameter.axes[axis]
          if expected >= 0 {
            if size != expected { return describe(parameter, axis, size, expected) }
          } else {
            let variable = (-1 &- expected) & 15
            if sizes[variable] < 0 { sizes[variable] = size }
            if sizes[variable] != size { return describe(parameter, axis, size, sizes[variable]) }
          }
        }
      }
    }
    return nil
  }

  private func describe(_ parameter: Parameter, _ axis: Int, _ found: Int, _ expected: Int) -> String {
    let spec = definition.inputs[parameter.name] ?? definition.outputs[parameter.name]
    return "\(parameter.name): axis \(axis) (\(spec?.shape?[axis] ?? "?")) is \(found), expected \(expected)"
  }
}
