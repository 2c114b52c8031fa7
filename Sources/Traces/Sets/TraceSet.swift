import JSONText

/// Definitions, solutions, workloads and traces of a folder, or of memory, indexed by definition name.
///
///     let set = try TraceSet.load("traces")
///     for diagnostic in set.diagnostics { print(diagnostic) }
///     set.bestTrace(definition: "rmsnorm_d4096", axes: ["batch": 8])
///
/// Invariant: names of definitions are unique, and so are names of solutions over the whole set. References to unknown
/// names are allowed. A value: adding to a copy leaves the original alone; with a root, additions are also written to disk.
public struct TraceSet: Sendable {
  /// The folder that the set was loaded from and writes to, without a slash at its end; nil for a set in memory.
  public let root: String?
  public internal(set) var definitions: [String: Definition] = [:]
  /// Names in the order of loading.
  public internal(set) var definitionNames: [String] = []
  /// By definition name, in the order of loading.
  public internal(set) var solutions: [String: [Solution]] = [:]
  /// Workload traces by definition name, in file order.
  public internal(set) var workloads: [String: [Trace]] = [:]
  /// Evaluated traces by definition name, in file order.
  public internal(set) var traces: [String: [Trace]] = [:]
  /// What loading found wrong, or read with an assumption.
  public internal(set) var diagnostics: [ValidationDiagnostic] = []
  var solutionsByName: [String: Solution] = [:]

  /// An empty set. With a root it writes there; nothing is read.
  public init(root: String? = nil) {
    var root = root
    while let path = root, path.count > 1, path.hasSuffix("/") { root = String(path.dropLast()) }
    self.root = root
  }

  /// The solution of that name, whatever it implements.
  public func solution(named name: String) -> Solution? { solutionsByName[name] }

  /// Traces that a solution ran, over all definitions.
  public func traces(ofSolution name: String) -> [Trace] {
    definitionOrder(traces).flatMap { traces[$0, default: []] }.filter { $0.solution == name }
  }

  /// Known definitions in order, then unknown ones by name.
  func definitionOrder<T>(_ map: [String: T]) -> [String] {
    definitionNames.filter { map[$0] != nil } + map.keys.filter { definitions[$0] == nil }.sorted()
  }

  /// The whole set as one document: four maps by definition name. The key of workloads is singular, as in FlashInfer-Bench.
  public var encoded: JSONValue {
    func lists<T>(_ map: [String: [T]], _ encode: (T) -> JSONValue) -> JSONValue {
      .object(JSONObject(definitionOrder(map).map { ($0, .array(map[$0, default: []].map(encode))) }))
    }
    return .object(
      JSONObject([
        (
          "definitions",
          .object(JSONObject(definitionNames.compactMap { name in definitions[name].map { (name, $0.encoded) } }))
        ),
        ("solutions", lists(solutions, \.encoded)), ("workload", lists(workloads, \.encoded)),
        ("traces", lists(traces, \.encoded)),
      ]))
  }

  // MARK: adding in memory

  /// - Throws: when the name is taken.
  mutating func insert(_ definition: Definition) throws(SchemaError) {
    try requireFree(definition)
    definitions[definition.name] = definition
    definitionNames.append(definition.name)
  }

  /// - Throws: when the name is taken.
  mutating func insert(_ solution: Solution) throws(SchemaError) {
    try requireFree(solution)
    solutionsByName[solution.name] = solution
    solutions[solution.definition, default: []].append(solution)
  }

  func requireFree(_ definition: Definition) throws(SchemaError) {
    if definitions[definition.name] != nil {
      throw SchemaError(.duplicateName, "Duplicate definition name: \(definition.name)", path: [.member("name")])
    }
  }

  func requireFree(_ solution: Solution) throws(SchemaError) {
    if solutionsByName[solution.name] != nil {
      throw SchemaError(.duplicateName, "Duplicate solution name: \(solution.name)", path: [.member("name")])
    }
  }
}
