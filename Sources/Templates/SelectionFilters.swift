/// Filters that apply a filter or a test to each element.
extension Interpreter {
  func selectionFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "map": return try map(value, arguments)
    case "select", "reject": return try select(value, arguments, byAttribute: false, keeping: name == "select")
    case "selectattr", "rejectattr":
      return try select(value, arguments, byAttribute: true, keeping: name == "selectattr")
    default: return nil
    }
  }

  private func map(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    var results: [Value] = []
    if arguments.positional.isEmpty, let path = arguments.named.first(where: { $0.name == "attribute" })?.value {
      let standard = arguments.named.first { $0.name == "default" }?.value
      if let other = arguments.named.first(where: { $0.name != "attribute" && $0.name != "default" }) {
        throw error(.type, "'map' has no argument '\(other.name)'")
      }
      for item in try elements(of: value) {
        let found = try attribute(path, of: item)
        results.append(found.isUndefined ? standard ?? found : found)
      }
    } else {
      guard case .string(let filter)? = arguments.positional.first else {
        throw error(.type, "'map' needs the name of a filter, or attribute=…")
      }
      let rest = Arguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
      try enter()
      defer { leave() }
      for item in try elements(of: value) {
        try charge()
        results.append(try applyFilter(filter.string, to: item, rest))
      }
    }
    return .generator(try makeList(results))
  }

  private func select(
    _ value: Value, _ arguments: Arguments, byAttribute: Bool, keeping: Bool
  ) throws(TemplateError) -> Value {
    var rest = arguments
    var path: Value?
    if byAttribute {
      path = try needed(rest.positional.first, "the attribute to select by")
      rest.positional.removeFirst()
    }
    var test: String?
    if let name = rest.positional.first {
      test = try text(name, "the name of a test")?.string
      rest.positional.removeFirst()
    }
    var kept: [Value] = []
    for item in try elements(of: value) {
      try charge()
      let subject = try attribute(path, of: item)
      let holds = if let test { try applyTest(test, to: subject, rest) } else { isTrue(subject) }
      if holds == keeping { kept.append(item) }
    }
    return .generator(try makeList(kept))
  }
}
