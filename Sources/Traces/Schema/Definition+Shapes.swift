/// What a call's arguments say about a definition's axes, and the other way round. Called when a kernel is bound.
extension Definition {
  /// Constant axes and their values, in file order.
  public var constAxes: OrderedMap<Int> {
    OrderedMap(axes.compactMap { axis in axis.value.value.map { (axis.name, $0) } })
  }
  /// The names of the axes that are free per call, in file order.
  public var varAxes: [String] { axes.filter(\.value.isVariable).map(\.name) }

  /// Where an axis can be read from a call's arguments.
  public struct AxisBinding: Sendable, Hashable {
    public let input: String
    /// Position of the input among the arguments.
    public let argument: Int
    /// The dimension of the input, from the outermost.
    public let dimension: Int
  }

  /// For each variable axis the first input and dimension where it occurs. Axes that occur in no input are absent.
  public var varAxesBindings: OrderedMap<AxisBinding> {
    var bindings = OrderedMap<AxisBinding>()
    for (position, (name, spec)) in inputs.enumerated() {
      for (dimension, axis) in (spec.shape ?? []).enumerated() where axes[axis]?.isVariable == true {
        if bindings[axis] == nil {
          bindings[axis] = AxisBinding(input: name, argument: position, dimension: dimension)
        }
      }
    }
    return bindings
  }

  /// The values of the variable axes, from the shapes of the inputs in order (`nil` for host scalars).
  ///
  /// Surplus shapes are ignored, and constant axes are not compared: see `disagreement(withShapes:)`.
  public func axisValues(ofShapes shapes: [[Int]?]) throws(SignatureError) -> OrderedMap<Int> {
    var found: [String: (size: Int, input: String)] = [:]
    for ((name, spec), shape) in zip(inputs, shapes) {
      guard let expected = spec.shape else { continue }
      guard let shape, shape.count == expected.count else {
        throw SignatureError(self.name, .rank(argument: name, expected: expected, found: shape))
      }
      for (axis, size) in zip(expected, shape) where axes[axis]?.isVariable == true {
        if let earlier = found[axis], earlier.size != size {
          throw SignatureError(
            self.name, .conflict(axis: axis, earlier.input, earlier.size, name, size))
        }
        if found[axis] == nil { found[axis] = (size, name) }
      }
    }
    let missing = varAxes.filter { found[$0] == nil }
    if !missing.isEmpty { throw SignatureError(name, .missingAxes(missing)) }
    return OrderedMap(varAxes.compactMap { axis in found[axis].map { (axis, $0.size) } })
  }

  /// The first constant axis that a shape contradicts; nil when all agree. FlashInfer-Bench does not look.
  public func disagreement(withShapes shapes: [[Int]?]) -> SignatureError? {
    for ((name, spec), shape) in zip(inputs, shapes) {
      for (dimension, axis) in (spec.shape ?? []).enumerated() {
        guard let shape, dimension < shape.count, let value = axes[axis]?.value, shape[dimension] != value else {
          continue
        }
        return SignatureError(self.name, .constant(axis: axis, value: value, argument: name, shape: shape))
      }
    }
    return nil
  }

  /// The shapes of the inputs, in order; nil for host scalars.
  public func inputShapes(axes values: OrderedMap<Int>) throws(SignatureError) -> [[Int]?] {
    try shapes(of: inputs, axes: values)
  }

  /// The shapes of the outputs, in order; nil for host scalars.
  public func outputShapes(axes values: OrderedMap<Int>) throws(SignatureError) -> [[Int]?] {
    try shapes(of: outputs, axes: values)
  }

  private func shapes(of specs: OrderedMap<TensorSpec>, axes values: OrderedMap<Int>) throws(SignatureError) -> [[Int]?]
  {
    var result: [[Int]?] = []
    result.reserveCapacity(specs.count)
    for (_, spec) in specs {
      guard let names = spec.shape else {
        result.append(nil)
        continue
      }
      var shape: [Int] = []
      for axis in names {
        guard let value = axes[axis]?.value ?? values[axis] else { throw SignatureError(name, .missingAxes([axis])) }
        shape.append(value)
      }
      result.append(shape)
    }
    return result
  }

  /// Positional and named arguments as one list: inputs, then outputs.
  ///
  /// Named ones are appended in order until the first that is missing; names that are no argument are dropped.
  public func mergedArguments<Argument>(
    _ positional: [Argument], named: OrderedMap<Argument> = [:]
  ) throws(SignatureError) -> [Argument] {
    if named.isEmpty { return positional }
    let names = inputs.names + outputs.names
    if positional.count > names.count { throw SignatureError(name, .tooMany(positional.count, names)) }
    for taken in names.prefix(positional.count) where named[taken] != nil {
      throw SignatureError(name, .givenTwice(taken))
    }
    var merged = positional
    for next in names.dropFirst(positional.count) {
      guard let value = named[next] else { break }
      merged.append(value)
    }
    return merged
  }

  /// For an output that has no storage of its own: the position of the input it is written into.
  public func inPlaceInput(ofOutput output: String) -> Int? {
    outputs[output]?.param.flatMap { inputs.position(of: $0) }
  }

  /// A workload's axes without the constant ones that it repeats: what a call's shapes would give.
  /// - Throws: when a constant axis is repeated with another value, and when a variable axis is missing.
  public func variableAxes(of workload: Workload) throws(SignatureError) -> OrderedMap<Int> {
    for (axis, value) in workload.axes {
      if let constant = axes[axis]?.value, constant != value {
        throw SignatureError(
          name, .constant(axis: axis, value: constant, argument: "workload \(workload.uuid)", shape: [value]))
      }
    }
    let missing = varAxes.filter { workload.axes[$0] == nil }
    if !missing.isEmpty { throw SignatureError(name, .missingAxes(missing)) }
    return OrderedMap(varAxes.compactMap { axis in workload.axes[axis].map { (axis, $0) } })
  }
}
