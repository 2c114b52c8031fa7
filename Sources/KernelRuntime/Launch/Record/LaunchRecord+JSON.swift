import JSONText
import Tensors

extension LaunchRecord {
  /// Reads `launch.json`.
  /// - Throws: the first thing that is wrong, with its field.
  public init(json bytes: [UInt8]) throws(LaunchRecordError) {
    let document: JSONValue
    do {
      document = try JSONValue(parsing: bytes, refusingDuplicateKeys: true)
    } catch {
      throw LaunchRecordError("", "not JSON: \(error)")
    }
    let object = try RecordObject(document, at: "")
    let format = try object.int("format")
    if format != Self.format {
      throw LaunchRecordError("format", "\(format) is not known here; expected \(Self.format)")
    }
    try object.refuseOthers([
      "format", "solution", "operation", "definition", "language", "target", "toolchain", "image", "constants", "let",
      "scratch", "tensor_maps", "launches", "resources",
    ])
    try self.init(
      solution: object.string("solution"), operation: object.string("operation"),
      definition: object.string("definition"), language: object.string("language"), target: object.string("target"),
      toolchain: object.members("toolchain", "a string", \.string), image: object.optionalString("image"),
      constants: object.members("constants", "an integer", \.int), lets: object.pairs("let"),
      scratch: object.pairs("scratch"),
      tensorMaps: object.list("tensor_maps", required: false) { value, field throws(LaunchRecordError) in
        try TensorMap(value, at: field)
      },
      launches: object.list("launches", required: true) { value, field throws(LaunchRecordError) in
        try Launch(value, at: field)
      },
      resources: object.list("resources", required: false) { value, field throws(LaunchRecordError) in
        try Resources(value, at: field)
      })
  }

  public init(json text: String) throws(LaunchRecordError) { try self.init(json: Array(text.utf8)) }

  /// The document, in the order of docs/gpu-kernels.md.
  public var json: JSONValue {
    func expressions(_ list: [LaunchExpression]) -> JSONValue { .array(list.map { .string($0.text) }) }
    func ints(_ list: [Int]) -> JSONValue { .array(list.map(JSONValue.int)) }
    func pairs(_ list: [Member<LaunchExpression>]) -> JSONValue {
      .array(list.map { .array([.string($0.name), .string($0.value.text)]) })
    }
    func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }
    return object([
      ("format", .int(Self.format)), ("solution", .string(solution)), ("operation", .string(operation)),
      ("definition", .string(definition)), ("language", .string(language)), ("target", .string(target)),
      ("toolchain", object(toolchain.map { ($0.name, .string($0.value)) })),
      ("image", image.map(JSONValue.string) ?? .null),
      ("constants", object(constants.map { ($0.name, .int($0.value)) })),
      ("let", pairs(lets)), ("scratch", pairs(scratch)),
      (
        "tensor_maps",
        .array(
          tensorMaps.map { map in
            object([
              ("name", .string(map.name)), ("tensor", .string(map.tensor)), ("type", .string(map.type.rawValue)),
              ("extents", expressions(map.extents)), ("strides", expressions(map.strides)), ("box", ints(map.box)),
              ("element_strides", ints(map.elementStrides)), ("swizzle", .int(map.swizzle)),
              ("interleave", .int(map.interleave)), ("l2_promotion", .int(map.l2Promotion)), ("fill", .int(map.fill)),
            ])
          })
      ),
      (
        "launches",
        .array(
          launches.map { launch in
            object(
              [
                ("entry", .string(launch.entry)),
                (
                  "parameters",
                  .array(
                    launch.parameters.map { parameter in
                      object(
                        [("name", .string(parameter.name)), ("type", .string(parameter.kind.rawValue))]
                          + (parameter.value.map { [("value", .string($0.text))] } ?? []))
                    })
                ),
                ("grid", expressions(launch.grid)), ("block", expressions(launch.block)),
                ("shared", .string(launch.shared.text)), ("cluster", ints(launch.cluster)), ("pdl", .bool(launch.pdl)),
              ] + (launch.when.map { [("when", .string($0.text))] } ?? [])
                + (launch.image.map { [("image", .string($0))] } ?? []))
          })
      ),
      (
        "resources",
        .array(
          resources.map {
            object(
              [
                ("entry", .string($0.entry)), ("registers", .int($0.registers)), ("spill_stores", .int($0.spillStores)),
                ("spill_loads", .int($0.spillLoads)), ("stack", .int($0.stack)),
                ("static_shared", .int($0.staticShared)),
              ] + ($0.image.map { [("image", .string($0))] } ?? []))
          })
      ),
    ])
  }
}

extension LaunchRecord.TensorMap {
  fileprivate init(_ value: JSONValue, at field: String) throws(LaunchRecordError) {
    let object = try RecordObject(value, at: field)
    try object.refuseOthers([
      "name", "tensor", "type", "extents", "strides", "box", "element_strides", "swizzle", "interleave",
      "l2_promotion", "fill",
    ])
    let word = try object.string("type")
    guard let type = DType(rawValue: word) else {
      throw LaunchRecordError(
        object.path("type"),
        "\"\(word)\" is no element type; there are \(DType.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let box = try object.ints("box")
    self.init(
      name: try object.string("name"), tensor: try object.string("tensor"), type: type,
      extents: try object.expressions("extents"), strides: try object.expressions("strides"), box: box,
      elementStrides: object.has("element_strides") ? try object.ints("element_strides") : nil,
      swizzle: try object.optionalInt("swizzle") ?? 0, interleave: try object.optionalInt("interleave") ?? 0,
      l2Promotion: try object.optionalInt("l2_promotion") ?? 0, fill: try object.optionalInt("fill") ?? 0)
  }
}

extension LaunchRecord.Launch {
  fileprivate init(_ value: JSONValue, at field: String) throws(LaunchRecordError) {
    let object = try RecordObject(value, at: field)
    try object.refuseOthers(["entry", "parameters", "grid", "block", "shared", "cluster", "pdl", "when", "image"])
    self.init(
      entry: try object.string("entry"),
      parameters: try object.list("parameters", required: true) { value, field throws(LaunchRecordError) in
        try LaunchRecord.Parameter(value, at: field)
      },
      grid: try object.expressions("grid"), block: try object.expressions("block"),
      shared: object.has("shared") ? try object.expression("shared") : LaunchExpression(0),
      cluster: object.has("cluster") ? try object.ints("cluster") : [1, 1, 1],
      pdl: try object.optionalBool("pdl") ?? false, when: object.has("when") ? try object.expression("when") : nil,
      image: try object.optionalString("image"))
  }
}

extension LaunchRecord.Parameter {
  fileprivate init(_ value: JSONValue, at field: String) throws(LaunchRecordError) {
    let object = try RecordObject(value, at: field)
    try object.refuseOthers(["name", "type", "value"])
    let word = try object.string("type")
    guard let kind = Kind(rawValue: word) else {
      throw LaunchRecordError(
        object.path("type"),
        "\"\(word)\" is no parameter type; there are \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    self.init(
      try object.string("name"), kind, value: object.has("value") ? try object.expression("value") : nil)
  }
}

extension LaunchRecord.Resources {
  fileprivate init(_ value: JSONValue, at field: String) throws(LaunchRecordError) {
    let object = try RecordObject(value, at: field)
    try object.refuseOthers(["entry", "registers", "spill_stores", "spill_loads", "stack", "static_shared", "image"])
    self.init(
      entry: try object.string("entry"), registers: try object.count("registers"),
      spillStores: try object.optionalCount("spill_stores") ?? 0,
      spillLoads: try object.optionalCount("spill_loads") ?? 0, stack: try object.optionalCount("stack") ?? 0,
      staticShared: try object.optionalCount("static_shared") ?? 0, image: try object.optionalString("image"))
  }
}
