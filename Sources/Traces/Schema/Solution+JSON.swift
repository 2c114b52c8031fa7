import JSONText

extension Solution {
  /// Reads one document, with every check.
  /// - Parameter languages: others are refused. A program with a builder for another language adds it here.
  public init(json bytes: [UInt8], languages: [Language] = Language.accepted) throws(SchemaError) {
    self = try Document.read(bytes[...]) { reader, value, origin throws(SchemaError) in
      reader.languages = languages
      return try Solution.read(value, origin: origin, with: &reader)
    }
  }

  public init(json text: String, languages: [Language] = Language.accepted) throws(SchemaError) {
    try self.init(json: Array(text.utf8), languages: languages)
  }

  static func read(_ value: JSONValue, origin: Origin, with reader: inout DocumentReader) throws(SchemaError)
    -> Solution
  {
    guard let object = reader.record(value) else { throw SchemaError(reader.diagnostics) }
    let name = reader.required(object, "name") { $0.fileName($1) }
    let definition = reader.required(object, "definition") { $0.fileName($1) }
    let author = reader.required(object, "author") { $0.fileName($1) }
    let spec = reader.required(object, "spec") { BuildSpec.read($1, with: &$0) }
    let sources = reader.required(object, "sources") { $0.list($1, atLeast: 1) { SourceFile.read($1, with: &$0) } }
    let description = reader.nullable(object, "description") { $0.string($1) }
    guard reader.diagnostics.isEmpty, let name, let definition, let author, let spec, let sources, let description
    else {
      throw SchemaError(reader.diagnostics)
    }
    let solution = Solution(
      name: name, definition: definition, author: author, spec: spec, sources: sources, description: description,
      origin: origin)
    try SolutionChecks.checkWhole(solution)
    return solution
  }

  /// Every field in schema order.
  var encoded: JSONValue {
    .object(
      JSONObject([
        ("name", .string(name)), ("definition", .string(definition)), ("author", .string(author)),
        ("spec", spec.encoded),
        (
          "sources",
          .array(sources.map { .object(JSONObject([("path", .string($0.path)), ("content", .string($0.content))])) })
        ),
        ("description", .optional(description)),
      ]))
  }

  static let shape: DocumentShape = .record(
    [
      "name": .leaf, "definition": .leaf, "author": .leaf, "spec": BuildSpec.documentShape,
      "sources": .list(.record(["path": .leaf, "content": .leaf])), "description": .leaf,
    ], defaults: ["description": .null])

  /// The document as it is written to a file: as it was read if nothing changed.
  public var json: [UInt8] { Document.text(encoded, Self.shape, origin) }
}

extension BuildSpec {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> BuildSpec? {
    guard let object = reader.record(value) else { return nil }
    let language: Language? = reader.required(object, "language") { reader, value in
      guard let name = reader.string(value) else { return nil }
      let known = reader.languages
      guard let language = known.first(where: { $0.rawValue == name }) else {
        return reader.fail(.enumeration, "expected one of \(list(known)), found \"\(name)\"")
      }
      return language
    }
    let hardware = reader.required(object, "target_hardware") { $0.list($1, atLeast: 1) { $0.string($1) } }
    let entryPoint = reader.required(object, "entry_point") { $0.nonEmptyString($1) }
    let dependencies = reader.defaulted(object, "dependencies", []) { $0.nonEmptyStrings($1) }
    let style = reader.defaulted(object, "destination_passing_style", true) { $0.boolean($1) }
    let binding: Binding?? = reader.nullable(object, "binding") { reader, value in
      guard let name = reader.string(value) else { return nil }
      guard let binding = Binding.accepted.first(where: { $0.rawValue == name }) else {
        return reader.fail(.enumeration, "expected one of \(list(Binding.accepted)), found \"\(name)\"")
      }
      return binding
    }
    guard let language, let hardware, let entryPoint, let dependencies, let style, let binding else { return nil }
    return BuildSpec(
      language: language, targetHardware: hardware, entryPoint: entryPoint, dependencies: dependencies,
      destinationPassingStyle: style, binding: binding)
  }

  private static func list(_ names: [some CustomStringConvertible]) -> String {
    names.map(\.description).joined(separator: ", ")
  }

  var encoded: JSONValue {
    .object(
      JSONObject([
        ("language", .string(language.rawValue)), ("target_hardware", .strings(targetHardware)),
        ("entry_point", .string(entryPoint)), ("dependencies", .strings(dependencies)),
        ("destination_passing_style", .bool(destinationPassingStyle)), ("binding", .optional(binding?.rawValue)),
      ]))
  }

  /// The calling style is always written: its default differs between the dialects.
  static let documentShape: DocumentShape = .record(
    [
      "language": .leaf, "target_hardware": .list(.leaf), "entry_point": .leaf, "dependencies": .list(.leaf),
      "destination_passing_style": .leaf, "binding": .leaf,
    ], defaults: ["dependencies": .array([]), "binding": .null])
}

extension SourceFile {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> SourceFile? {
    guard let object = reader.record(value) else { return nil }
    let path = reader.required(object, "path") { $0.nonEmptyString($1) }
    let content = reader.required(object, "content") { $0.nonEmptyString($1) }
    guard let path, let content else { return nil }
    return SourceFile(path: path, content: content)
  }
}
