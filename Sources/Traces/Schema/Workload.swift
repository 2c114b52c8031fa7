import JSONText

/// One concrete problem of a definition: the values of its variable axes, and where each input comes from.
///
/// Inputs that are not listed count as random. Source: FlashInfer-Bench's schema.
public struct Workload: Sendable, Hashable {
  /// Free text that names the problem, usually a UUID.
  public var uuid: String
  /// At least 0 each.
  public var axes: OrderedMap<Int>
  public var inputs: OrderedMap<WorkloadInput>

  public init(uuid: String, axes: OrderedMap<Int>, inputs: OrderedMap<WorkloadInput> = [:]) {
    (self.uuid, self.axes, self.inputs) = (uuid, axes, inputs)
  }
}

/// Where one input of a workload comes from.
public enum WorkloadInput: Sendable, Hashable {
  /// Generated from the definition's shape and type.
  case random
  case scalar(ScalarValue)
  /// A tensor in a safetensors file; the path is relative to the trace set's root.
  case safetensors(path: String, tensorKey: String)
}

/// A host scalar with the kind it was written in: `1`, `1.0` and `true` are three different values.
public enum ScalarValue: Sendable, Hashable {
  case int(Int)
  case float(Double)
  case bool(Bool)

  public var double: Double {
    switch self {
    case .int(let value): Double(value)
    case .float(let value): value
    case .bool(let value): value ? 1 : 0
    }
  }

  /// NaN equals itself here: the question is whether two documents say the same.
  public static func == (a: ScalarValue, b: ScalarValue) -> Bool {
    switch (a, b) {
    case (.int(let x), .int(let y)): x == y
    case (.float(let x), .float(let y)): x == y || x.isNaN && y.isNaN
    case (.bool(let x), .bool(let y)): x == y
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(double.isNaN ? 0 : double)
  }
}
