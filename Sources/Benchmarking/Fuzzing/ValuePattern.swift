import KernelRuntime
import Tensors

/// What the values of a fuzzed workload look like, where inputs are plain random numbers; indices, probabilities, scales
/// and tables stay as they are.
public enum ValuePattern: String, Sendable, Hashable, CaseIterable {
  case normal
  /// Large, but so that sums of squares stay finite: times 2^40, in float16 2^8, in smaller types 2^4.
  case huge
  /// Below the smallest normal number of the type, or near it.
  case denormal
  case zeros
  /// Every fourth row of a batch is -∞; of logits, all but one token. Not for queries, whose products with keys of both
  /// signs have no meaning then, nor beside quantised weights, which solutions may multiply in integers.
  case negativeInfinityRows = "negative infinity rows"
  /// The same sizes with alternating signs along a row: sums cancel.
  case alternatingSigns = "alternating signs"
}

extension WorkloadInputs {
  /// Gives the random inputs other values. Tensors are replaced, never written: copies of the inputs keep theirs.
  public mutating func apply(_ pattern: ValuePattern) {
    if pattern == .normal { return }
    for (name, argument) in arguments {
      guard case .tensor(let tensor) = argument, tensor.dtype.isFloatingPoint, tensor.count > 0,
        case .normal? = try? InputRecipe.recipe(for: name, in: definition)
      else { continue }
      if pattern == .negativeInfinityRows && !isBatched(name) { continue }
      arguments[name] = .tensor(Self.changed(tensor, pattern, isLogits: name.contains("logits")))
    }
  }

  /// Whether the input has a row for each row of an output, and infinities there have a meaning.
  private func isBatched(_ name: String) -> Bool {
    if InputRecipe.weightFormat(of: definition).map({ !$0.isDense }) == true { return false }
    if ["gqa_paged", "gqa_ragged", "mla_paged", "mla_ragged"].contains(definition.opType) { return false }
    guard let axis = definition.inputs[name]?.shape?.first, definition.axes[axis]?.isVariable == true else {
      return false
    }
    return definition.outputs.contains { $0.value.shape?.first == axis }
  }

  private static func changed(_ tensor: Tensor, _ pattern: ValuePattern, isLogits: Bool) -> Tensor {
    let result = Tensor(tensor.dtype, tensor.shape), values = tensor.values
    let width = max(1, tensor.count / max(1, tensor.shape.rank == 0 ? 1 : tensor.shape[0]))
    let scale = factor(pattern, tensor.dtype)
    FloatFilling.fill(result) { i in
      switch pattern {
      case .normal: values[i]
      case .huge, .denormal: values[i] * scale
      case .zeros: 0
      case .negativeInfinityRows:
        i / width % 4 == 1 && !(isLogits && i % width == width / 2) ? -.infinity : values[i]
      case .alternatingSigns: i & 1 == 0 ? abs(values[i]) : -abs(values[i])
      }
    }
    return result
  }

  private static func factor(_ pattern: ValuePattern, _ dtype: DType) -> Float {
    switch (pattern, dtype) {
    case (.huge, .float32), (.huge, .bfloat16): 0x1p40
    case (.huge, .float16): 0x1p8
    case (.huge, _): 0x1p4
    case (.denormal, .float32), (.denormal, .bfloat16): 0x1p-130
    case (.denormal, .float16): 0x1p-18
    case (.denormal, _): 0x1p-9
    default: 1
    }
  }
}
