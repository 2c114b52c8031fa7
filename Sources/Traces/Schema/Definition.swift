import JSONText

/// What a kernel computes: named axes, typed inputs and outputs, a Python reference and constraints.
///
///     let rmsnorm = try Definition(
///       name: "rmsnorm_d4096", opType: "rmsnorm",
///       axes: ["batch": .var, "hidden": .const(4096)],
///       inputs: ["x": .tensor("batch", "hidden", dtype: .bfloat16), "weight": .tensor("hidden", dtype: .bfloat16)],
///       outputs: ["out": .tensor("batch", "hidden", dtype: .bfloat16)],
///       reference: "def run(x, weight):\n    …")
///
/// Invariant: the value has passed every check of `DefinitionChecks`. Inputs, then outputs, in order, are the
/// arguments of every implementation. Source: FlashInfer-Bench's schema.
public struct Definition: Sendable, Hashable {
  /// Unique inside a trace set; a file name.
  public let name: String
  /// The operation's family, an open vocabulary: `rmsnorm`, `gemm`, `gqa_paged` …
  public let opType: String
  public let axes: OrderedMap<Axis>
  public let inputs: OrderedMap<TensorSpec>
  public let outputs: OrderedMap<TensorSpec>
  /// Python source with a top-level `run`.
  public let reference: String
  /// Free text, usually `namespace:value`.
  public let tags: [String]
  public let description: String?
  /// Python expressions over axes and inputs that hold for every valid call.
  public let constraints: [String]
  /// The text this was read from, so that rewriting changes nothing that was not changed.
  let origin: Origin

  /// - Throws: the first rule that is broken, or all wrong fields together.
  public init(
    name: String, opType: String, axes: OrderedMap<Axis>, inputs: OrderedMap<TensorSpec>,
    outputs: OrderedMap<TensorSpec>, reference: String, description: String? = nil, tags: [String] = [],
    constraints: [String] = []
  ) throws(SchemaError) {
    self.init(
      name: name, opType: opType, axes: axes, inputs: inputs, outputs: outputs, reference: reference,
      description: description, tags: tags, constraints: constraints, origin: .code)
    try DefinitionChecks.checkFields(self)
    try DefinitionChecks.checkWhole(self)
  }

  /// Without checks.
  init(
    name: String, opType: String, axes: OrderedMap<Axis>, inputs: OrderedMap<TensorSpec>,
    outputs: OrderedMap<TensorSpec>, reference: String, description: String?, tags: [String],
    constraints: [String], origin: Origin
  ) {
    (self.name, self.opType, self.axes) = (name, opType, axes)
    (self.inputs, self.outputs, self.reference) = (inputs, outputs, reference)
    (self.description, self.tags, self.constraints, self.origin) = (description, tags, constraints, origin)
  }

  /// A changed copy; fields that are not given, unknown members and member order are kept.
  public func with(
    name: String? = nil, opType: String? = nil, axes: OrderedMap<Axis>? = nil, inputs: OrderedMap<TensorSpec>? = nil,
    outputs: OrderedMap<TensorSpec>? = nil, reference: String? = nil, description: String?? = nil,
    tags: [String]? = nil, constraints: [String]? = nil
  ) throws(SchemaError) -> Definition {
    let copy = Definition(
      name: name ?? self.name, opType: opType ?? self.opType, axes: axes ?? self.axes, inputs: inputs ?? self.inputs,
      outputs: outputs ?? self.outputs, reference: reference ?? self.reference,
      description: description ?? self.description, tags: tags ?? self.tags,
      constraints: constraints ?? self.constraints, origin: origin.changed)
    try DefinitionChecks.checkFields(copy)
    try DefinitionChecks.checkWhole(copy)
    return copy
  }
}
