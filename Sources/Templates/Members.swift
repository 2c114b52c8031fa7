/// Members, elements and slices.
extension Interpreter {
  /// `owner.name`: a method first, then what the owner holds under that name.
  func member(_ name: String, of owner: Value) throws(TemplateError) -> Value {
    switch owner {
    case .undefined: throw error(.undefined, "'.\(name)' was asked of \(owner.described)")
    case .namespace(let id): return member(name, ofNamespace: id)
    case .loop(let id):
      if let value = loopMember(name, id) { return value }
      if Self.loopMethods.contains(name) { return .method(BoundMethod(owner, name)) }
    default:
      if hasMethod(name, owner) { return .method(BoundMethod(owner, name)) }
      if case .dict(let dict) = owner, let value = dict.find(.string(Text(name))) { return value }
    }
    return .undefined(.member(name, of: owner.described))
  }

  private func member(_ name: String, ofNamespace id: Int) -> Value {
    namespaces[id].first { $0.name == name }?.value ?? .undefined(.member(name, of: "a namespace"))
  }

  func item(_ owner: Expression, _ key: Expression) throws(TemplateError) -> Value {
    let owner = try evaluate(owner)
    return try item(try evaluate(key), of: owner)
  }

  /// `owner[key]`; what is not there is undefined.
  func item(_ key: Value, of owner: Value) throws(TemplateError) -> Value {
    switch (owner, key) {
    case (.undefined, _): throw error(.undefined, "an element was asked of \(owner.described)")
    case (.dict(let dict), _):
      if let lookup = DictKey(key), let value = dict.find(lookup) { return value }
    case (.list(let list), .int(let index)), (.tuple(let list), .int(let index)):
      if let at = position(index, list.items.count) { return list.items[at] }
    case (.list, .bool(let flag)), (.tuple, .bool(let flag)):
      return try item(.int(flag ? 1 : 0), of: owner)
    case (.string(let text), .int(let index)):
      try charge(bytes: text.count)
      if let at = position(index, text.scalarCount) {
        let boundaries = text.boundaries
        return .string(text[boundaries[at]..<boundaries[at + 1]])
      }
    case (.namespace(let id), .string(let name)): return member(name.string, ofNamespace: id)
    default: break
    }
    if case .string(let name) = key {
      switch owner {
      case .dict, .namespace: if hasMethod(name.string, owner) { return .method(BoundMethod(owner, name.string)) }
      default: return try member(name.string, of: owner)
      }
      return .undefined(.member(name.string, of: owner.described))
    }
    return .undefined(.element)
  }

  private func position(_ index: Int, _ count: Int) -> Int? {
    let at = index < 0 ? index.addingReportingOverflow(count).partialValue : index
    return at >= 0 && at < count ? at : nil
  }

  // MARK: slices

  func slice(
    _ owner: Expression, _ from: Expression?, _ to: Expression?, _ by: Expression?
  ) throws(TemplateError) -> Value {
    let value = try evaluate(owner)
    var parts: [Int?] = []
    for part in [from, to, by] { parts.append(try part.map { (part) throws(TemplateError) in try bound(part) } ?? nil) }
    switch value {
    case .list(let list): return .list(try makeList(indices(list.items.count, parts).map { list.items[$0] }))
    case .tuple(let list): return .tuple(try makeList(indices(list.items.count, parts).map { list.items[$0] }))
    case .string(let text): return .string(try slice(text, parts))
    case .undefined: throw error(.undefined, "a slice was asked of \(value.described)")
    default: return .undefined(.element)
    }
  }

  private func bound(_ part: Expression) throws(TemplateError) -> Int? {
    let value = try evaluate(part)
    return try optionalInteger(value, "a bound of a slice")
  }

  private func slice(_ text: Text, _ parts: [Int?]) throws(TemplateError) -> Text {
    try charge(bytes: text.count)
    let boundaries = text.boundaries
    let count = boundaries.count - 1
    if (parts[2] ?? 1) == 1 {
      let chosen = try range(count, parts)
      return chosen.from < chosen.to ? text[boundaries[chosen.from]..<boundaries[chosen.to]] : Text()
    }
    let chosen = try indices(count, parts)
    try charge(chosen.count)
    var result = Text()
    for i in chosen { result.append(text, boundaries[i]..<boundaries[i + 1]) }
    return result
  }

  /// Python's rules: negative bounds count from the end, and bounds outside are moved to the ends.
  private func range(_ count: Int, _ parts: [Int?]) throws(TemplateError) -> (from: Int, to: Int, by: Int) {
    let step = parts[2] ?? 1
    if step == 0 { throw error(.type, "the step of a slice is 0") }
    let (lowest, highest) = step > 0 ? (0, count) : (-1, count - 1)
    func clamp(_ bound: Int?, _ standard: Int) -> Int {
      guard let bound else { return standard }
      let at = bound < 0 ? bound + count : bound
      return min(max(at, lowest), highest)
    }
    return (clamp(parts[0], step > 0 ? lowest : highest), clamp(parts[1], step > 0 ? highest : lowest), step)
  }

  private func indices(_ count: Int, _ parts: [Int?]) throws(TemplateError) -> [Int] {
    let (from, to, by) = try range(count, parts)
    return Array(stride(from: from, to: to, by: by))
  }

  // MARK: loop

  static let loopMethods: Set<String> = ["cycle", "changed"]

  private func loopMember(_ name: String, _ id: Int) -> Value? {
    let loop = loops[id]
    let (index, count) = (loop.index, loop.items.count)
    switch name {
    case "index": return .int(index + 1)
    case "index0": return .int(index)
    case "first": return .bool(index == 0)
    case "last": return .bool(index + 1 == count)
    case "length": return .int(count)
    case "revindex": return .int(count - index)
    case "revindex0": return .int(count - index - 1)
    case "previtem": return index > 0 && index <= count ? loop.items[index - 1] : .undefined(.element)
    case "nextitem": return index + 1 < count ? loop.items[index + 1] : .undefined(.element)
    case "depth": return .int(1)
    case "depth0": return .int(0)
    default: return nil
    }
  }

  func callLoop(_ name: String, _ id: Int, _ arguments: Arguments) throws(TemplateError) -> Value {
    let given = arguments.positional
    switch name {
    case "cycle":
      if given.isEmpty { throw error(.type, "'loop.cycle' needs at least one argument") }
      return given[loops[id].index % given.count]
    case "changed":
      let last = loops[id].last
      loops[id].last = given
      guard let last, last.count == given.count else { return .bool(true) }
      for (a, b) in zip(last, given) where try !equal(a, b) { return .bool(true) }
      return .bool(false)
    default: throw error(.undefined, "the loop object has no function '\(name)'")
    }
  }
}
