/// Arguments that do not fit a definition.
public struct SignatureError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Reason: Sendable, Hashable {
    /// A tensor has the wrong number of dimensions; `found` is nil for a value without a shape.
    case rank(argument: String, expected: [String], found: [Int]?)
    /// A variable axis was seen with two sizes: axis, first argument and size, second argument and size.
    case conflict(axis: String, String, Int, String, Int)
    case constant(axis: String, value: Int, argument: String, shape: [Int])
    case missingAxes([String])
    /// More positional arguments than there are names.
    case tooMany(Int, [String])
    case givenTwice(String)
  }

  /// The definition's name.
  public let definition: String
  public let reason: Reason

  public init(_ definition: String, _ reason: Reason) { (self.definition, self.reason) = (definition, reason) }

  public var description: String {
    let sentence =
      switch reason {
      case .rank(let argument, let expected, let found):
        "\(argument) is \(found.map { "\($0)" } ?? "a scalar"), expected the \(expected.count) dimensions \(expected)"
      case .conflict(let axis, let first, let size, let second, let other):
        "the axis \(axis) is \(size) in \(first) and \(other) in \(second)"
      case .constant(let axis, let value, let argument, let shape): "\(argument) is \(shape), \(axis) is \(value)"
      case .missingAxes(let names): "Missing value for variable axis \(names.joined(separator: ", "))"
      case .tooMany(let count, let names): "\(count) arguments for the \(names.count) names \(names)"
      case .givenTwice(let name): "\(name) is given by position and by name"
      }
    return "\(definition): \(sentence)"
  }
}
