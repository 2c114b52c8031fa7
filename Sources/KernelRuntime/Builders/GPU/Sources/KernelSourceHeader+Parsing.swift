import Tensors
import Traces

extension KernelSourceHeader {
  /// Reads the header of a source.
  /// - file: its name in errors.
  /// - Throws: the first line that is wrong.
  public init(_ text: String, language: Language, file: String) throws(KernelSourceError) {
    var parser = KernelSourceHeaderParser(language: language, file: file)
    self = try parser.parse(text)
  }
}

/// Reads the lines of a header, one by one.
private struct KernelSourceHeaderParser {
  let language: Language, file: String
  private var header = KernelSourceHeader()
  private var line = 0
  /// Where each key was seen first; only some may come again.
  private var seen: [String: Int] = [:]

  private static let common = ["operation", "takes", "types", "requires", "tags", "targets", "executes", "spills"]
  private static let planned = ["let", "scratch", "tensor_map", "launch"]
  private static let repeated: Set<String> = ["types", "requires", "let", "scratch", "tensor_map", "launch"]

  init(language: Language, file: String) { (self.language, self.file) = (language, file) }

  private func failure(_ reason: String) -> KernelSourceError { KernelSourceError(file, line, reason) }

  mutating func parse(_ text: String) throws(KernelSourceError) -> KernelSourceHeader {
    let mark = language == .cuda ? "//" : "#"
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var isHeader = true
    for (index, raw) in lines.enumerated() {
      guard raw.hasPrefix(mark) else { break }
      header.lineCount = index + 1
      let words = raw.dropFirst(mark.count).trimmed
      if words.isEmpty { isHeader = false }
      if isHeader {
        line = index + 1
        try read(words)
      }
    }
    line = max(1, line)
    if header.operation.isEmpty {
      throw failure("the header has no operation; it begins with \(mark) operation: <op_type>")
    }
    if header.outputs.isEmpty { throw failure("the header has no takes: <inputs> -> <outputs>") }
    try checkNames()
    return header
  }

  private mutating func read(_ words: Substring) throws(KernelSourceError) {
    let known = Self.common + (language == .cuda ? Self.planned : [])
    guard let colon = words.firstIndex(of: ":") else {
      throw failure("\"\(words)\" is no key: value; prose follows after an empty comment line")
    }
    let key = String(words[..<colon]), value = words[words.index(after: colon)...].trimmed
    guard known.contains(key) else {
      throw failure("there is no key \"\(key)\"; there are \(known.joined(separator: ", "))")
    }
    if value.isEmpty { throw failure("\(key) has no value") }
    if let first = seen[key], !Self.repeated.contains(key) {
      throw failure("\(key) is there twice, first in line \(first)")
    }
    seen[key] = seen[key] ?? line
    try read(key, value)
  }

  private mutating func read(_ key: String, _ value: Substring) throws(KernelSourceError) {
    switch key {
    case "operation": header.operation = try name(value)
    case "takes": try readTakes(value)
    case "types": try readTypes(value)
    case "requires": header.requirements.append(try expression(value))
    case "tags":
      for tag in value.parts {
        let tag = try name(tag)
        guard MeaningTag.keys.contains(tag) else {
          throw failure("no tag \"\(tag)\" changes the meaning; there are \(MeaningTag.keys.joined(separator: ", "))")
        }
        header.tags.append(tag)
      }
    case "targets":
      header.targets = try value.parts.map { target throws(KernelSourceError) in
        guard LaunchRecord.targetNumber(String(target)) != nil else {
          throw failure("\"\(target)\" is no target; targets are sm_80, sm_90a …")
        }
        return String(target)
      }
    case "executes":
      guard value == "compiled only" else { throw failure("executes is \"\(value)\", it can be: compiled only") }
      header.isCompiledOnly = true
    case "spills":
      let reason = value.dropFirst("allowed".count).drop { $0 == "," || $0 == " " || $0 == ":" }
      guard value.hasPrefix("allowed"), !reason.isEmpty else {
        throw failure("spills is \"\(value)\", expected: allowed, <why>")
      }
      header.spillExcuse = String(reason)
    case "let", "scratch":
      let (name, text) = try assignment(value)
      let member = LaunchRecord.Member(name, try expression(text))
      if key == "let" { header.plan.lets.append(member) } else { header.plan.scratch.append(member) }
    case "tensor_map": header.plan.tensorMaps.append(try tensorMap(value))
    default: header.plan.launches.append(try launch(value))
    }
  }

  // MARK: arguments

  private mutating func readTakes(_ value: Substring) throws(KernelSourceError) {
    guard let arrow = value.range(of: "->") else { throw failure("takes has no \"->\" between inputs and outputs") }
    header.inputs = try arguments(value[..<arrow.lowerBound])
    header.outputs = try arguments(value[arrow.upperBound...])
    if header.outputs.isEmpty { throw failure("takes has no outputs") }
    for (index, name) in header.argumentNames.enumerated() where header.argumentNames[..<index].contains(name) {
      throw failure("takes names \(name) twice")
    }
  }

  private func arguments(_ text: Substring) throws(KernelSourceError) -> [KernelSourceHeader.Argument] {
    var found: [KernelSourceHeader.Argument] = []
    if text.trimmed.isEmpty { return [] }
    for part in text.parts {
      let isOptional = part.hasSuffix("?")
      found.append(.init(name: try name(isOptional ? part.dropLast() : part), isOptional: isOptional))
    }
    return found
  }

  private mutating func readTypes(_ value: Substring) throws(KernelSourceError) {
    guard let equals = value.firstIndex(of: "=") else { throw failure("types: expected <tensor> = <type>, <type> …") }
    var types: [DType] = []
    for word in value[value.index(after: equals)...].parts {
      guard let type = DType(rawValue: String(word)) else {
        throw failure(
          "\"\(word)\" is no element type; there are \(DType.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      types.append(type)
    }
    for part in value[..<equals].parts {
      let name = try name(part)
      if header.types.contains(where: { $0.name == name }) { throw failure("types of \(name) are there twice") }
      header.types.append(.init(name, types))
    }
  }

  // MARK: the plan

  /// `name   grid = …   block = …   pdl`, in any order after the name.
  private func launch(_ value: Substring) throws(KernelSourceError) -> KernelSourcePlan.Launch {
    let (head, settings) = try settings(
      value, keys: ["grid", "block", "shared", "cluster", "when"], words: ["pdl"])
    guard let grid = settings["grid"], let block = settings["block"] else {
      throw failure("launch: expected <function>   grid = <blocks>   block = <threads>")
    }
    var launch = KernelSourcePlan.Launch(
      entry: try name(head), grid: try extents(grid, "grid"), block: try extents(block, "block"))
    if let shared = settings["shared"] { launch.shared = try expression(shared) }
    if let when = settings["when"] { launch.when = try expression(when) }
    launch.pdl = settings["pdl"] != nil
    if let cluster = settings["cluster"] {
      var sizes: [Int] = []
      for part in cluster.parts {
        guard let size = Int(part), size > 0 else { throw failure("cluster is \"\(cluster)\", expected numbers") }
        sizes.append(size)
      }
      if sizes.count > 3 { throw failure("cluster has \(sizes.count) parts, expected one to three") }
      launch.cluster = sizes + Array(repeating: 1, count: 3 - sizes.count)
    }
    return launch
  }

  private func extents(_ text: Substring, _ key: String) throws(KernelSourceError) -> [LaunchExpression] {
    let parts = try expressions(text)
    if parts.count > 3 { throw failure("\(key) has \(parts.count) parts, expected one to three") }
    return parts
  }

  /// `name = tensor   extents = …   strides = …   box = …   swizzle = 128`.
  private func tensorMap(_ value: Substring) throws(KernelSourceError) -> KernelSourcePlan.TensorMap {
    let (head, settings) = try settings(value, keys: ["extents", "strides", "box", "swizzle"], words: [])
    let (name, tensor) = try assignment(head)
    guard let extents = settings["extents"], let box = settings["box"] else {
      throw failure("tensor_map: expected <parameter> = <tensor>   extents = …   strides = …   box = …   swizzle = …")
    }
    var map = KernelSourcePlan.TensorMap(
      name: name, tensor: try self.name(tensor), extents: try expressions(extents),
      strides: try settings["strides"].map { text throws(KernelSourceError) in try expressions(text) } ?? [],
      box: try expressions(box))
    if let swizzle = settings["swizzle"] {
      guard let bytes = Int(swizzle), [0, 32, 64, 128].contains(bytes) else {
        throw failure("swizzle is \"\(swizzle)\", expected 0, 32, 64 or 128")
      }
      map.swizzle = bytes
    }
    if map.box.count != map.extents.count || map.strides.count != map.extents.count - 1 {
      throw failure(
        "the tensor_map \(name) has \(map.extents.count) extents, \(map.strides.count) strides and a box of \(map.box.count) "
          + "axes; strides leave out the innermost")
    }
    return map
  }

  /// Splits `head   key = value   key = value   word`. An equals sign that is part of `==`, `<=` … begins nothing.
  private func settings(
    _ value: Substring, keys: [String], words: [String]
  ) throws(KernelSourceError) -> (head: Substring, settings: [String: Substring]) {
    var marks: [(key: String, start: Substring.Index, value: Substring.Index)] = []
    var position = value.startIndex
    while position < value.endIndex {
      guard value[position].isWordStart else {
        position = value.index(after: position)
        continue
      }
      let end = value[position...].firstIndex { !$0.isWordPart } ?? value.endIndex
      let word = String(value[position..<end])
      let rest = value[end...].drop { $0 == " " }
      let begins = rest.first == "=" && !rest.dropFirst().hasPrefix("=")
      if position > value.startIndex, words.contains(word) || (keys.contains(word) && begins) {
        marks.append((word, position, words.contains(word) ? end : rest.index(after: rest.startIndex)))
      }
      position = end
    }
    var found: [String: Substring] = [:]
    for (index, mark) in marks.enumerated() {
      let end = index + 1 < marks.count ? marks[index + 1].start : value.endIndex
      if found[mark.key] != nil { throw failure("\(mark.key) is there twice") }
      let text = value[mark.value..<end].trimmed
      if words.contains(mark.key) != text.isEmpty {
        throw failure(text.isEmpty ? "\(mark.key) has no value" : "\"\(text)\" after \(mark.key)")
      }
      found[mark.key] = text
    }
    return (value[..<(marks.first?.start ?? value.endIndex)].trimmed, found)
  }

  // MARK: parts

  private func assignment(_ value: Substring) throws(KernelSourceError) -> (String, Substring) {
    guard let equals = value.firstIndex(of: "=") else { throw failure("\"\(value)\": expected <name> = <value>") }
    return (try name(value[..<equals].trimmed), value[value.index(after: equals)...].trimmed)
  }

  private func name(_ text: Substring) throws(KernelSourceError) -> String {
    let text = text.trimmed
    guard LaunchRecord.isName(String(text)) else { throw failure("\"\(text)\" is no name") }
    return String(text)
  }

  private func expression(_ text: Substring) throws(KernelSourceError) -> LaunchExpression {
    do throws(LaunchExpressionError) {
      return try LaunchExpression(parsing: String(text.trimmed))
    } catch {
      throw failure("\(error)")
    }
  }

  /// Parts between commas that are in no parentheses.
  private func expressions(_ text: Substring) throws(KernelSourceError) -> [LaunchExpression] {
    var found: [LaunchExpression] = [], depth = 0, start = text.startIndex
    for index in text.indices {
      if text[index] == "(" { depth += 1 }
      if text[index] == ")" { depth -= 1 }
      if text[index] == ",", depth == 0 {
        found.append(try expression(text[start..<index]))
        start = text.index(after: index)
      }
    }
    return found + [try expression(text[start...])]
  }

  /// What lines say of each other.
  private mutating func checkNames() throws(KernelSourceError) {
    for list in header.types where !header.argumentNames.contains(list.name) {
      throw failure("types are given for \(list.name), which takes does not name")
    }
    for map in header.plan.tensorMaps where !header.argumentNames.contains(map.tensor) {
      throw failure("the tensor_map \(map.name) is of \(map.tensor), which takes does not name")
    }
    if language == .cuda && header.plan.launches.isEmpty { throw failure("the header has no launch") }
  }
}

extension Substring {
  /// Without spaces at both ends.
  fileprivate var trimmed: Substring {
    var text = drop { $0 == " " || $0 == "\t" || $0 == "\r" }
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text = text.dropLast() }
    return text
  }
  /// Parts between commas.
  fileprivate var parts: [Substring] { split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed) }

  fileprivate func range(of mark: String) -> Range<Index>? {
    indices.first { self[$0...].hasPrefix(mark) }.map { $0..<index($0, offsetBy: mark.count) }
  }
}

extension Character {
  var isWordStart: Bool { isASCII && (isLetter || self == "_") }
  var isWordPart: Bool { isASCII && (isLetter || isNumber || self == "_") }
}
