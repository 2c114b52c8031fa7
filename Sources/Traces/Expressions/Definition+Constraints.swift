/// What the constraints of a definition say about one call.
public struct ConstraintResult: Sendable, Hashable, CustomStringConvertible {
  public enum Outcome: Sendable, Hashable {
    case holds
    case violated
    /// Why it cannot be told: for example, an index tensor is on a device.
    case undecided(ExpressionError)
  }
  /// The constraint's text.
  public let constraint: String
  public let outcome: Outcome

  public var description: String {
    switch outcome {
    case .holds: "holds: \(constraint)"
    case .violated: "violated: \(constraint)"
    case .undecided(let error): "undecided: \(constraint): \(error)"
    }
  }
}

extension Definition {
  /// Evaluates every constraint for a call.
  /// - Parameters:
  ///   - axes: the values of the variable axes.
  ///   - tensors: inputs whose elements can be read on the host; others are known by their shape only.
  ///   - scalars: host scalars by input name.
  public func evaluateConstraints(
    axes: OrderedMap<Int>, tensors: [String: any ReadableTensor] = [:], scalars: [String: ScalarValue] = [:]
  ) -> [ConstraintResult] {
    let names = callNames(axes: axes, tensors: tensors, scalars: scalars)
    return constraints.map { text in
      var evaluator = ExpressionEvaluator(names: names)
      do throws(ExpressionError) {
        // The text was checked when the definition was made.
        guard let expression = try? PythonExpression(parsing: text) else {
          throw ExpressionError(.unsupported, "it is no Python expression")
        }
        return ConstraintResult(constraint: text, outcome: try evaluator.holds(expression) ? .holds : .violated)
      } catch {
        return ConstraintResult(constraint: text, outcome: .undecided(error))
      }
    }
  }

  private func callNames(
    axes values: OrderedMap<Int>, tensors: [String: any ReadableTensor], scalars: [String: ScalarValue]
  ) -> [String: ExpressionValue] {
    var names: [String: ExpressionValue] = [:]
    for (name, spec) in inputs {
      if let scalar = scalars[name] {
        switch scalar {
        case .int(let value): names[name] = .int(value)
        case .float(let value): names[name] = .float(value)
        case .bool(let value): names[name] = .bool(value)
        }
      } else if let shape = spec.shape {
        let sizes = shape.compactMap { axes[$0]?.value ?? values[$0] }
        let known = sizes.count == shape.count ? ShapeOnlyTensor(shape: sizes) : nil
        if let tensor = tensors[name] ?? known, let view = TensorView(tensor) { names[name] = .tensor(view) }
      }
    }
    for (name, axis) in axes { if let value = axis.value ?? values[name] { names[name] = .int(value) } }
    return names
  }
}

extension PythonExpression {
  /// The value of an axis expression: numbers, names and `+ - * / // % **` only, with an integer as result.
  public func axisValue(axes: [String: Int]) throws(ExpressionError) -> Int {
    if let other = root.firstBeyondArithmetic {
      throw ExpressionError(.unsupported, "\(other) is not allowed in an axis")
    }
    var evaluator = ExpressionEvaluator(names: axes.mapValues { ExpressionValue.int($0) })
    switch try evaluator.evaluate(self) {
    case .int(let value): return value
    case .float(let value):
      guard let exact = Int(exactly: value) else {
        throw ExpressionError(.arithmetic, "\(text) is \(value), expected an integer")
      }
      return exact
    case let other: throw ExpressionError(.type, "\(text) is \(other.kind), expected an integer")
    }
  }
}

extension PythonExpression.Node {
  /// What is more than arithmetic on names and numbers; nil if nothing is.
  fileprivate var firstBeyondArithmetic: String? {
    switch self {
    case .int, .float, .name: nil
    case .unary("-", let operand), .unary("+", let operand): operand.firstBeyondArithmetic
    case .binary(let symbol, let left, let right):
      ["+", "-", "*", "/", "//", "%", "**"].contains(symbol)
        ? left.firstBeyondArithmetic ?? right.firstBeyondArithmetic : "'\(symbol)'"
    case .unsupported(let what): what
    case .call: "a call"
    case .comparison, .logical, .unary: "a comparison or logical operator"
    default: "anything but numbers, names and arithmetic"
    }
  }
}
