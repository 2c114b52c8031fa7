import Tensors
import Traces

/// The inputs of one call of a definition, made from a workload and a seed: the same bits each time.
public struct ConformanceCall: Sendable {
  public let definition: Definition, workload: ConformanceWorkload
  /// Sizes of the variable axes.
  public let axes: OrderedMap<Int>
  /// Inputs by name, contiguous, on the CPU.
  public var tensors: [String: Tensor] = [:]
  /// Host scalars by name.
  public var scalars: [String: Double] = [:]
  let seed: UInt64

  /// - Throws: `limit` or `signature` when the definition's inputs cannot be made.
  public init(_ definition: Definition, _ workload: ConformanceWorkload, seed: UInt64) throws(WorkloadError) {
    (self.definition, self.workload, self.seed) = (definition, workload, seed)
    axes = workload.axes(of: definition)
    let shapes = try CallShapes(definition, axes, byteLimit: WorkloadInputs.defaultByteLimit)
    for ((name, spec), shape) in zip(definition.inputs, shapes.inputs) {
      guard let shape else {
        scalars[name] = scalar(name)
        continue
      }
      let tensor = Tensor(spec.dtype, shape)
      if spec.dtype.isFloatingPoint { fill(tensor, name) }
      tensors[name] = tensor
    }
    makeIndices()
  }

  /// A call with given inputs, in every definition's own types and shapes.
  public init(
    _ definition: Definition, axes: OrderedMap<Int>, tensors: [String: Tensor], scalars: [String: Double]
  ) {
    (self.definition, self.axes, self.tensors, self.scalars) = (definition, axes, tensors, scalars)
    (workload, seed) = (.rows(0), 0)
  }

  /// Random numbers for one purpose.
  func random(_ name: String) -> CounterRandom { CounterRandom(seed: seed, name: name) }

  private func scalar(_ name: String) -> Double {
    switch name {
    case "eps": 1e-5
    case "sm_scale": 1 / Double(definition.axes["head_dim"]?.value ?? 64).squareRoot()
    // A power of two, and a number that is none.
    case "k_scale": 0.25
    case "v_scale": Double(Float(0.03))
    case "vocab_start": Double((definition.axes["vocab_size"]?.value ?? 0) / 2)
    default: 1
    }
  }

  private func fill(_ tensor: Tensor, _ name: String) {
    let random = random(name)
    switch name {
    case "weight" where definition.opType.hasSuffix("norm"), "q_weight", "k_weight":
      FloatFilling.fill(tensor) { 1 + 0.25 * random.normal($0) }
    case "cos_sin_cache": FloatFilling.rotaryTable(tensor, width: tensor.shape[1])
    case "alibi_slopes": FloatFilling.fill(tensor) { 1 / Float(2 << $0) }
    // Large enough that a cap changes them.
    case "q" where definition.opType.hasPrefix("gqa"):
      let scale: Float = definition.tags.contains { $0.hasPrefix("soft_cap:") } ? 20 : 2
      FloatFilling.fill(tensor) { scale * random.normal($0) }
    case "k_cache" where definition.scales, "v_cache" where definition.scales:
      FloatFilling.fill(tensor) { 16 * random.normal($0) }
    case "s_a", "s_b": FloatFilling.fill(tensor) { 8 * random.normal($0) }
    default: FloatFilling.fill(tensor) { random.normal($0) }
    }
  }
}

extension Definition {
  /// Whether cached elements are worth a multiple of themselves.
  fileprivate var scales: Bool { inputs["k_scale"] != nil }
}
