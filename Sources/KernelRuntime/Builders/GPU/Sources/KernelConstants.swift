import JSONText
import Tensors
import Traces

/// What a kernel is compiled for: a definition as a source sees it.
public struct KernelConstants: Sendable, Hashable {
  public let definition: String
  public let axes: [LaunchRecord.Member<Int>]
  /// Variable axes.
  public let variables: [String]
  /// Element types of inputs and outputs that are tensors.
  public let tensors: [LaunchRecord.Member<DType>]
  /// Types of inputs that are host scalars.
  public let scalars: [LaunchRecord.Member<DType>]
  /// Tags that change the meaning; nil for one without a value.
  public let tags: [LaunchRecord.Member<String?>]
  /// Optional arguments that the definition lacks, and those that it has.
  public let absent: [String], present: [String]
  /// Outputs that lie in an input's memory.
  public let inPlace: [LaunchRecord.Member<String>]

  /// A definition that a source accepts (see `KernelSource.refusal`).
  init(_ definition: Definition, for header: KernelSourceHeader) {
    let arguments = Array(definition.inputs) + Array(definition.outputs)
    self.definition = definition.name
    axes = definition.axes.compactMap { name, axis in axis.value.map { .init(name, $0) } }
    variables = definition.varAxes
    tensors = arguments.filter { !$0.value.isScalar }.map { .init($0.name, $0.value.dtype) }
    scalars = arguments.filter(\.value.isScalar).map { .init($0.name, $0.value.dtype) }
    tags = MeaningTag.tags(of: definition).map { .init($0.key, $0.value) }
    let optional = (header.inputs + header.outputs).filter(\.isOptional).map(\.name), names = arguments.map(\.name)
    absent = optional.filter { !names.contains($0) }
    present = optional.filter(names.contains)
    inPlace = definition.inPlaceOutputs
  }

  // MARK: CUDA

  /// Macros, in order: `HIDDEN_SIZE` = `4096`, `WEIGHT_T` = `__nv_bfloat16`, `TAG_WINDOW` = `128` …
  var macros: [LaunchRecord.Member<String>] {
    var found = axes.map { LaunchRecord.Member($0.name.macro, String($0.value)) }
    found += tensors.map { .init("\($0.name.macro)_T", $0.value.cudaName) }
    for tag in tags {
      guard let value = tag.value else {
        found.append(.init("TAG_\(tag.name.macro)", "1"))
        continue
      }
      if Double(value) != nil {
        found.append(.init("TAG_\(tag.name.macro)", value))
      } else {
        found.append(.init("TAG_\(tag.name.macro)_\(value.macro)", "1"))
      }
    }
    return found + present.map { .init("HAS_\($0.macro)", "1") }
  }

  // MARK: Python

  /// The request for the Python tool, without what it shall do.
  func request(source: KernelSource, target: String, folder: String) -> JSONObject {
    func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }
    func types(_ list: [LaunchRecord.Member<DType>]) -> JSONValue {
      object(list.map { ($0.name, .string($0.value.rawValue)) })
    }
    return JSONObject([
      ("source", .string(source.path)), ("out", .string(folder)), ("target", .string(target)),
      ("solution", .string(source.name)), ("operation", .string(source.header.operation)),
      ("definition", .string(definition)), ("constants", object(axes.map { ($0.name, .int($0.value)) })),
      ("variables", .array(variables.map(JSONValue.string))), ("tensors", types(tensors)), ("scalars", types(scalars)),
      ("tags", object(tags.map { ($0.name, Self.value($0.value)) })),
      ("absent", .array(absent.map(JSONValue.string))),
      ("in_place", object(inPlace.map { ($0.name, .string($0.value)) })),
    ])
  }

  /// A tag's value as Python sees it: a number, a word, or true.
  private static func value(_ text: String?) -> JSONValue {
    guard let text else { return .bool(true) }
    if let integer = Int(text) { return .int(integer) }
    if let number = Double(text), number.isFinite { return .double(number) }
    return .string(text)
  }
}

extension Definition {
  /// Outputs that may lie in an input's memory, by `in_place:<output>=<input>`.
  var inPlaceOutputs: [LaunchRecord.Member<String>] {
    tags.compactMap { tag in
      let parts = tag.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0] == "in_place" else { return nil }
      let names = parts[1].split(separator: "=", maxSplits: 1).map(String.init)
      guard names.count == 2, outputs[names[0]] != nil, inputs[names[1]] != nil else { return nil }
      return .init(names[0], names[1])
    }
  }
}

extension String {
  /// In capitals, and what no macro's name has as `_`.
  fileprivate var macro: String {
    String(uppercased().map { $0.isWordPart ? $0 : "_" })
  }
}

extension DType {
  /// The type of an element in CUDA C++.
  fileprivate var cudaName: String {
    switch self {
    case .float32: "float"
    case .float16: "__half"
    case .bfloat16: "__nv_bfloat16"
    case .float8_e4m3fn: "__nv_fp8_e4m3"
    case .float8_e5m2: "__nv_fp8_e5m2"
    case .float4_e2m1: "__nv_fp4_e2m1"
    case .int64: "int64_t"
    case .int32: "int32_t"
    case .int16: "int16_t"
    case .int8: "int8_t"
    case .bool: "bool"
    }
  }
}
