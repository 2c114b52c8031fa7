import KernelRuntime
import Tensors
import Traces

extension WorkloadInputs {
  /// - Throws: `constraint` for the first that does not hold or has no value.
  func checkConstraints() throws(WorkloadError) {
    if definition.constraints.isEmpty { return }
    var tensors: [String: any ReadableTensor] = [:]
    var scalars: [String: ScalarValue] = [:]
    for (name, argument) in arguments {
      switch argument {
      case .tensor(let tensor): tensors[name] = HostElements(tensor)
      case .scalar(let value):
        let isInteger = definition.inputs[name]?.dtype.isFloatingPoint == false
        scalars[name] = isInteger ? Int(exactly: value).map { .int($0) } ?? .float(value) : .float(value)
      }
    }
    for result in definition.evaluateConstraints(axes: axes, tensors: tensors, scalars: scalars) {
      switch result.outcome {
      case .holds: continue
      case .violated:
        let values = axes.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        throw WorkloadError(
          .constraint, definition: definition.name, "the constraint \(result.constraint) does not hold with \(values)")
      case .undecided(let error):
        // What this evaluator cannot compute says nothing against the inputs.
        if error.code == .unsupported || error.code == .limit { continue }
        throw WorkloadError(
          .constraint, definition: definition.name, "the constraint \(result.constraint) has no value: \(error)")
      }
    }
  }
}

/// The elements of a contiguous tensor on the host, for constraints.
struct HostElements: ReadableTensor {
  let tensor: Tensor
  init(_ tensor: Tensor) { self.tensor = tensor }

  var shape: [Int] { tensor.shape.array }

  func element(at position: Int) -> ExpressionValue? {
    guard position >= 0, position < tensor.count else { return nil }
    let bits = tensor.bits(at: position)
    if tensor.dtype == .bool { return .bool(bits != 0) }
    return tensor.dtype.isFloatingPoint
      ? .float(Double(tensor.dtype.decode(bits))) : .int(tensor.dtype.decodeInteger(bits))
  }
}
