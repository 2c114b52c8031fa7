/// Values by name, in the order in which they were written: a definition's axes, inputs and outputs.
///
///     let axes: OrderedMap<Axis> = ["batch_size": .var, "hidden_size": .const(4096)]
///     axes["hidden_size"]       // by name
///     axes[1].name              // by position
///
/// Invariant: names are unique. A repeated name keeps its first place and its last value, as in JSON.
/// Look-up by name is linear: signatures are short.
public struct OrderedMap<Value> {
  public typealias Element = (name: String, value: Value)
  private var members: [Element] = []

  public init() {}
  public init(_ members: some Swift.Sequence<(String, Value)>) {
    for (name, value) in members { self[name] = value }
  }

  /// The position of `name`, which is the argument's position when this is a list of inputs.
  public func position(of name: String) -> Int? { members.firstIndex { $0.name == name } }

  public subscript(name: String) -> Value? {
    get { position(of: name).map { members[$0].value } }
    set {
      switch (position(of: name), newValue) {
      case (let at?, let value?): members[at].value = value
      case (nil, let value?): members.append((name, value))
      case (let at?, nil): members.remove(at: at)
      case (nil, nil): break
      }
    }
  }

  public var names: [String] { members.map(\.name) }
  public var values: [Value] { members.map(\.value) }

  public func mapValues<T>(_ transform: (Value) -> T) -> OrderedMap<T> {
    var result = OrderedMap<T>()
    result.members = members.map { ($0.name, transform($0.value)) }
    return result
  }
}

extension OrderedMap: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { members.count }
  public subscript(position: Int) -> Element { members[position] }
}

extension OrderedMap: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, Value)...) { self.init(elements) }
}

extension OrderedMap: Sendable where Value: Sendable {}

extension OrderedMap: Equatable where Value: Equatable {
  /// Order counts: it is the order of arguments.
  public static func == (a: OrderedMap, b: OrderedMap) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.name == $1.name && $0.value == $1.value }
  }
}

extension OrderedMap: Hashable where Value: Hashable {
  public func hash(into hasher: inout Hasher) {
    for (name, value) in self {
      hasher.combine(name)
      hasher.combine(value)
    }
  }
}

extension OrderedMap: CustomStringConvertible {
  public var description: String { "[" + map { "\($0.name): \($0.value)" }.joined(separator: ", ") + "]" }
}

extension OrderedMap {
  /// From members whose names are known to be unique.
  init(uniqueMembers: [(String, Value)]) { members = uniqueMembers.map { (name: $0.0, value: $0.1) } }
}
