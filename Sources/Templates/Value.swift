/// Everything a template can hold. The set is closed: there is no host object behind any value, so there is nothing to
/// walk from one into the program. Values are immutable; only a namespace changes, and it is held by its number.
enum Value: Sendable {
  case undefined(Missing)
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  /// An integer beyond 64 bits, as it was written in JSON: it can be printed and compared for equality, no more.
  case numeral(String)
  case string(Text)
  case list(ListValue)
  case tuple(ListValue)
  /// What `map`, `select` and the like return: can be walked, has no length, and is always true.
  case generator(ListValue)
  case dict(DictValue)
  /// Numbers in the interpreter's tables, so that no cycle of references can arise.
  case namespace(Int)
  case macro(Int)
  case loop(Int)
  case function(GlobalFunction)
  case method(BoundMethod)

  /// Levels of containers below and with this one.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list), .generator(let list): list.depth
    case .dict(let dict): dict.depth
    case .method(let method): method.depth
    default: 0
    }
  }

  /// The kind, as an error message names it.
  var described: String {
    switch self {
    case .undefined(let missing): missing.described
    case .none: "none"
    case .bool: "a boolean"
    case .int, .numeral: "an integer"
    case .float: "a float"
    case .string: "a string"
    case .list: "a list"
    case .tuple: "a tuple"
    case .generator: "a generator"
    case .dict: "a dict"
    case .namespace: "a namespace"
    case .macro: "a macro"
    case .loop: "the loop object"
    case .function, .method: "a function"
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  static func string(_ text: String) -> Value { .string(Text(text)) }
}

/// Why a value is undefined.
enum Missing: Sendable {
  case name(String)
  case member(String, of: String)
  case element
  case other

  var described: String {
    switch self {
    case .name(let name): "'\(name)', which is undefined"
    case .member(let name, let owner): "'\(name)', which \(owner) does not have"
    case .element: "an element that does not exist"
    case .other: "an undefined value"
    }
  }
}

final class ListValue: Sendable {
  let items: [Value]
  let depth: Int
  init(_ items: [Value]) {
    self.items = items
    depth = 1 + items.reduce(0) { max($0, $1.depth) }
  }
}

final class BoundMethod: Sendable {
  let target: Value, name: String
  let depth: Int
  init(_ target: Value, _ name: String) { (self.target, self.name, depth) = (target, name, target.depth + 1) }
}

/// What a dictionary is searched by. Numbers that are equal in Python (`1`, `1.0`, `true`) are one key.
enum DictKey: Hashable, Sendable {
  case none
  case int(Int)
  case float(Double)
  case string(Text)
  case other(String)
  indirect case tuple([DictKey])

  /// nil when the value cannot be a key.
  init?(_ value: Value) {
    switch value {
    case .none: self = .none
    case .bool(let value): self = .int(value ? 1 : 0)
    case .int(let value): self = .int(value)
    case .float(let value): self = Int(exactly: value).map(DictKey.int) ?? .float(value)
    case .numeral(let digits): self = .other(digits)
    case .string(let text): self = .string(text)
    case .undefined: self = .other("undefined")
    case .namespace(let id): self = .other("namespace \(id)")
    case .macro(let id): self = .other("macro \(id)")
    case .loop(let id): self = .other("loop \(id)")
    case .function(let function): self = .other(function.rawValue)
    case .tuple(let list):
      var keys: [DictKey] = []
      for item in list.items {
        guard let key = DictKey(item) else { return nil }
        keys.append(key)
      }
      self = .tuple(keys)
    case .list, .dict, .generator, .method: return nil
    }
  }
}

/// A dictionary in the order of its making; a repeated key keeps its first place and takes the last value.
final class DictValue: Sendable {
  let entries: [(key: Value, value: Value)]
  let depth: Int
  private let keys: [DictKey]
  /// Where each key is, once there are enough of them that a linear search would be slow.
  private let index: [DictKey: Int]?

  init(_ pairs: [(DictKey, key: Value, value: Value)]) {
    var entries: [(key: Value, value: Value)] = [], keys: [DictKey] = [], index: [DictKey: Int] = [:]
    entries.reserveCapacity(pairs.count)
    keys.reserveCapacity(pairs.count)
    let isLarge = pairs.count > 8
    for (lookup, key, value) in pairs {
      let found = isLarge ? index[lookup] : keys.firstIndex(of: lookup)
      if let found {
        entries[found].value = value
      } else {
        if isLarge { index[lookup] = entries.count }
        keys.append(lookup)
        entries.append((key, value))
      }
    }
    depth = 1 + entries.reduce(0) { max($0, $1.value.depth, $1.key.depth) }
    (self.entries, self.keys, self.index) = (entries, keys, isLarge ? index : nil)
  }

  /// Members of string keys.
  convenience init(named members: [(String, Value)]) {
    self.init(
      members.map { name, value in
        let text = Text(name)
        return (.string(text), .string(text), value)
      })
  }

  func find(_ key: DictKey) -> Value? {
    let at = if let index { index[key] } else { keys.firstIndex(of: key) }
    return at.map { entries[$0].value }
  }
}
