/// A named size of a definition: fixed, or free per call.
///
/// Wire form: `{"type": "const", "value": 4096}` or `{"type": "var"}`, each with an optional `description`.
public struct Axis: Sendable, Hashable {
  public enum Size: Sendable, Hashable {
    /// The same in every call; at least 0.
    case const(Int)
    /// Known at the call, from the shapes of the inputs.
    case `var`
  }

  public let size: Size
  public let description: String?

  public init(_ size: Size, description: String? = nil) { (self.size, self.description) = (size, description) }

  public static func const(_ value: Int, description: String? = nil) -> Axis {
    Axis(.const(value), description: description)
  }
  public static var `var`: Axis { Axis(.var) }
  public static func `var`(description: String) -> Axis { Axis(.var, description: description) }

  /// The value of a constant axis; nil for a variable one.
  public var value: Int? { if case .const(let value) = size { value } else { nil } }
  public var isVariable: Bool { value == nil }
}
