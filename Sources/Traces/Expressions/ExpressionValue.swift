/// A value in the evaluation of a constraint.
public enum ExpressionValue: Sendable {
  case int(Int)
  case float(Double)
  case bool(Bool)
  case string(String)
  case none
  /// A tuple, a list, or a shape.
  case sequence([ExpressionValue])
  case tensor(TensorView)

  /// As an error message names it.
  var kind: String {
    switch self {
    case .int: "an integer"
    case .float: "a float"
    case .bool: "a boolean"
    case .string: "a string"
    case .none: "None"
    case .sequence: "a sequence"
    case .tensor: "a tensor"
    }
  }

  /// Integers and booleans, as Python counts them.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .bool(let value): value ? 1 : 0
    case .float(let value): value
    default: nil
    }
  }
}

/// Why an expression has no value.
public struct ExpressionError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    case unknownName
    /// The shape is known, the elements are not: the tensor is on a device or was not given.
    case unreadableTensor
    /// Valid Python that is not evaluated here.
    case unsupported
    case type
    case index
    case arithmetic
    case limit
  }
  public let code: Code
  public let description: String
  init(_ code: Code, _ description: String) { (self.code, self.description) = (code, description) }
}

/// Where an expression's names come from.
public protocol ExpressionNames: Sendable {
  /// The value of a name; nil if there is none of that name.
  func value(named name: String) -> ExpressionValue?
}

extension Dictionary: ExpressionNames where Key == String, Value == ExpressionValue {
  public func value(named name: String) -> ExpressionValue? { self[name] }
}

/// Elements of an input that expressions may read, in row-major order.
public protocol ReadableTensor: Sendable {
  var shape: [Int] { get }
  /// The element at a row-major position; nil when elements cannot be read on the host.
  func element(at position: Int) -> ExpressionValue?
}

/// A tensor of which only the shape is known.
public struct ShapeOnlyTensor: ReadableTensor {
  public let shape: [Int]
  public init(shape: [Int]) { self.shape = shape }
  public func element(at position: Int) -> ExpressionValue? { nil }
}

/// Integers in memory, for example an index array of a workload.
public struct IntegerTensor: ReadableTensor {
  public let shape: [Int]
  let values: [Int]
  /// A vector.
  public init(_ values: [Int]) { (shape, self.values) = ([values.count], values) }
  public func element(at position: Int) -> ExpressionValue? {
    values.indices.contains(position) ? .int(values[position]) : nil
  }
}

/// What an expression computed from tensors.
struct ComputedTensor: ReadableTensor {
  let shape: [Int]
  let values: [ExpressionValue]
  func element(at position: Int) -> ExpressionValue? { values.indices.contains(position) ? values[position] : nil }
}

/// A part of a tensor, as indexing yields it.
public struct TensorView: Sendable {
  let base: any ReadableTensor
  let offset: Int
  let shape: [Int]
  let strides: [Int]

  /// All of a tensor; nil if its shape does not fit into 64 bits.
  public init?(_ base: any ReadableTensor) {
    var strides: [Int] = []
    var count = 1
    for size in base.shape.reversed() {
      strides.append(count)
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow || size < 0 { return nil }
      count = product
    }
    self.init(base: base, offset: 0, shape: base.shape, strides: strides.reversed())
  }

  private init(base: any ReadableTensor, offset: Int, shape: [Int], strides: [Int]) {
    (self.base, self.offset, self.shape, self.strides) = (base, offset, shape, strides)
  }

  /// The product cannot overflow: it is at most the whole tensor's, which fits.
  var count: Int { shape.contains(0) ? 0 : shape.reduce(1, *) }

  /// The part at `index` of the outermost dimension, counted from the end when negative.
  func item(_ index: Int) -> TensorView? {
    guard let size = shape.first, index < size, index >= -size else { return nil }
    let start = offset + (index < 0 ? index + size : index) * strides[0]
    return TensorView(base: base, offset: start, shape: Array(shape.dropFirst()), strides: Array(strides.dropFirst()))
  }

  /// Every `step`-th part of the outermost dimension.
  func slice(_ range: [Int], step: Int) -> TensorView? {
    guard !shape.isEmpty else { return nil }
    return TensorView(
      base: base, offset: offset + (range.first ?? 0) * strides[0], shape: [range.count] + shape.dropFirst(),
      strides: [strides[0] * step] + strides.dropFirst())
  }

  /// The element at a row-major position of this view.
  func element(at position: Int) -> ExpressionValue? {
    var (rest, at) = (position, offset)
    for (size, stride) in zip(shape, strides).reversed() where size > 0 {
      at += rest % size * stride
      rest /= size
    }
    return base.element(at: at)
  }
}
