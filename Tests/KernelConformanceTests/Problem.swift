import Tensors
import Traces

/// The inputs of one call of one definition.
struct Problem {
  var definition: Definition
  /// Sizes of the variable axes.
  var axes: OrderedMap<Int>
  /// Inputs by name.
  var tensors: [String: Tensor]
  var scalars: [String: Double]

  /// Inputs from the definition by seed; those that need structure come from `StructuredInputs`.
  init(_ definition: Definition, _ workload: WorkloadCase, seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    self.definition = definition
    axes = workload.axes(of: definition)
    tensors = [:]
    scalars = [:]
    for ((name, spec), shape) in zip(definition.inputs, try definition.inputShapes(axes: axes)) {
      if let shape {
        tensors[name] = Self.tensor(definition, spec.dtype, Shape(shape), &random)
      } else {
        scalars[name] = name == "eps" ? 1e-5 : 0.125
      }
    }
    StructuredInputs.table[definition.opType]?(&self, workload, &random)
  }

  /// The axis along which a call's rows are independent.
  static func batchAxis(of definition: Definition) -> String { definition.inputs[0].value.shape?[0] ?? "" }

  /// The inputs that are handed over at bind.
  static func constantNames(of definition: Definition) -> [String] {
    switch definition.opType {
    case "gemm": ["B", "bias"].filter { definition.inputs[$0] != nil }
    case "embedding": ["weight"]
    default: []
    }
  }

  /// Zeroed constants: enough to ask what is available.
  static func constants(of definition: Definition) -> [String: Tensor] {
    var constants: [String: Tensor] = [:]
    for name in constantNames(of: definition) {
      guard let spec = definition.inputs[name], let axes = spec.shape else { continue }
      constants[name] = Tensor(spec.dtype, Shape(axes.map { definition.axes[$0]?.value ?? 0 }))
    }
    return constants
  }

  private static func tensor(
    _ definition: Definition, _ dtype: DType, _ shape: Shape, _ random: inout SeededGenerator
  ) -> Tensor {
    let tensor = Tensor(dtype, shape)
    switch dtype {
    case .float32:
      let elements = tensor.elements(as: Float.self)
      for i in 0..<tensor.count { elements[i] = random.value() }
    case .float16:
      let elements = tensor.elements(as: Float16.self)
      for i in 0..<tensor.count { elements[i] = Float16(random.value()) }
    case .bfloat16:
      let elements = tensor.elements(as: UInt16.self)
      for i in 0..<tensor.count { elements[i] = UInt16(random.value().bitPattern >> 16) }
    case .int8: QuantisedBlocks.fill(tensor, definition, &random)
    default: break  // indices: StructuredInputs
    }
    return tensor
  }
}
