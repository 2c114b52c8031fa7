import FoundationEssentials
import JSONText
import KernelRuntime
import ReferenceInputs
import Tensors
import TestSupport
import Testing
import Traces

/// The public definitions under Tests/Fixtures/flashinfer-trace, by name.
enum PublicDefinitions {
  static let all: [Definition] = {
    let root = Fixtures.path("flashinfer-trace/definitions")
    let operations = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return operations.sorted().flatMap { operation -> [Definition] in
      let files = (try? FileManager.default.contentsOfDirectory(atPath: root + "/" + operation)) ?? []
      return files.sorted().compactMap { file in
        (try? Fixtures.bytes("flashinfer-trace/definitions/\(operation)/\(file)")).flatMap { try? Definition(json: $0) }
      }
    }
  }()

  static func named(_ name: String) throws -> Definition { try #require(all.first { $0.name == name }, "\(name)") }
}

/// One small workload of a public definition, and what its Python reference computed.
struct FixtureCase: Sendable, CustomStringConvertible {
  let definition: Definition
  let name: String
  let axes: OrderedMap<Int>
  let recipes: OrderedMap<Recipe>
  /// By output: shape, stride, sample, sums, norms, infinite; empty for sampling.
  let outputs: [String: JSONValue]
  /// For sampling: what each row is drawn from.
  let rows: [JSONValue]

  var description: String { "\(definition.name)/\(name)" }

  /// All cases of an operation (`Definition.opType`).
  static func all(_ operation: String) throws -> [FixtureCase] {
    let entries = try #require(try Fixtures.json("references/\(operation).json").array)
    return try entries.map { try FixtureCase($0) }
  }

  init(_ json: JSONValue) throws {
    definition = try PublicDefinitions.named(try #require(json["definition"]?.string))
    name = try #require(json["case"]?.string)
    axes = OrderedMap(try #require(json["axes"]?.object).members.map { ($0.key, $0.value.int ?? -1) })
    recipes = OrderedMap(
      try #require(json["inputs"]?.object).members.map { ($0.key, try Self.recipe($0.value)) })
    outputs = Dictionary(
      uniqueKeysWithValues: (json["outputs"]?.object?.members ?? []).map { ($0.key, $0.value) })
    rows = json["rows"]?.array ?? []
  }

  private static func recipe(_ json: JSONValue) throws -> Recipe {
    let rows = json["rows"]?.array?.compactMap(\.int)
    if let top = json["floats"]?.int { return .floats(top: top, isPositive: false, rows: rows) }
    if let top = json["positive"]?.int { return .floats(top: top, isPositive: true, rows: rows) }
    if let step = json["ranks"]?.double { return .ranks(step: Float(step)) }
    if let values = json["values"]?.array { return .values(values.compactMap(\.double)) }
    if let scalar = json["scalar"]?.double { return .scalar(scalar) }
    return json["probabilities"] == nil ? .zeros : .probabilities
  }

  /// Whether the inputs can be made here. Weights of experts that no token reaches are never touched, yet the largest call
  /// spans 64 GB of addresses, which a system that never overcommits refuses.
  func isPossible() throws -> Bool {
    let shapes = try definition.inputShapes(axes: axes).compactMap { $0 }
    if shapes.allSatisfy({ $0.reduce(1, *) < 1 << 30 }) { return true }
    let setting = FileManager.default.contents(atPath: "/proc/sys/vm/overcommit_memory")
    if setting?.first != UInt8(ascii: "2") { return true }
    print("SKIPPED: \(self): vm.overcommit_memory is 2, and its inputs span more memory than they touch")
    return false
  }

  /// The inputs in the definition's order, then zeroed outputs.
  /// - changed: inputs that are given instead of made.
  func arguments(on pool: WorkerPool, changed: [String: Tensor] = [:]) throws -> (
    all: [KernelArgument], outputs: [Tensor]
  ) {
    var arguments: [KernelArgument] = []
    for ((input, spec), shape) in zip(definition.inputs, try definition.inputShapes(axes: axes)) {
      let recipe = try #require(recipes[input], "\(self) has no \(input)")
      if let tensor = changed[input] {
        arguments.append(.tensor(tensor))
      } else if case .scalar(let value) = recipe {
        arguments.append(.scalar(value))
      } else {
        let tensor = try recipe.tensor(named: "\(self)/\(input)", spec.dtype, try #require(shape)) { count, body in
          pool.parallel(count, body)
        }
        arguments.append(.tensor(tensor))
      }
    }
    let outputs = zip(definition.outputs, try definition.outputShapes(axes: axes)).map { output, shape in
      Tensor(output.value.dtype, Shape(shape ?? []))
    }
    return (arguments + outputs.map { .tensor($0) }, outputs)
  }
}
