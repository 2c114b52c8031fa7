import JSONText

/// Which members of a document the schema knows: enough to lay a changed value over the text it came from.
indirect enum DocumentShape: Sendable {
  case leaf
  /// Known members, and the default of those that need not be written.
  case record([String: DocumentShape], defaults: [String: JSONValue] = [:])
  /// Any names, all values alike.
  case map(DocumentShape)
  case list(DocumentShape)

  /// `value`, which has every field, without those that are at their default.
  func withoutDefaults(_ value: JSONValue) -> JSONValue {
    switch (self, value) {
    case (.record(let shapes, let defaults), .object(let object)):
      var result = JSONObject()
      for (key, member) in object.members where defaults[key] != member {
        result[key] = (shapes[key] ?? .leaf).withoutDefaults(member)
      }
      return .object(result)
    case (.map(let shape), .object(let object)):
      return .object(JSONObject(object.members.map { ($0.key, shape.withoutDefaults($0.value)) }))
    case (.list(let shape), .array(let elements)): return .array(elements.map { shape.withoutDefaults($0) })
    default: return value
    }
  }

  /// `new`, which has every field, in the member order and number spelling of `old`, with the members of `old` that the
  /// schema does not know.
  func laying(_ new: JSONValue, over old: JSONValue) -> JSONValue {
    switch (self, new, old) {
    case (.record(let shapes, let defaults), .object(let newObject), .object(let oldObject)):
      var result = JSONObject()
      for (key, member) in oldObject.members {
        if let shape = shapes[key] {
          if let value = newObject[key] { result[key] = shape.laying(value, over: member) }
        } else {
          result[key] = member
        }
      }
      for (key, member) in newObject.members where oldObject[key] == nil && defaults[key] != member {
        result[key] = (shapes[key] ?? .leaf).withoutDefaults(member)
      }
      return .object(result)
    case (.map(let shape), .object(let newObject), .object(let oldObject)):
      return .object(
        JSONObject(
          newObject.members.map { key, member in
            (key, oldObject[key].map { shape.laying(member, over: $0) } ?? shape.withoutDefaults(member))
          }))
    case (.list(let shape), .array(let newElements), .array(let oldElements)):
      return .array(
        newElements.enumerated().map { i, element in
          i < oldElements.count ? shape.laying(element, over: oldElements[i]) : shape.withoutDefaults(element)
        })
    case (.leaf, .number(let a), .number(let b)): return a.double == b.double ? old : new
    default: return withoutDefaults(new)
    }
  }
}

/// Helpers to encode fields.
extension JSONValue {
  static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
  static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
  static func map<T>(_ map: OrderedMap<T>, _ encode: (T) -> JSONValue) -> JSONValue {
    .object(JSONObject(map.map { ($0.name, encode($0.value)) }))
  }
}
