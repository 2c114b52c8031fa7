import Tensors
import Traces

/// Kernels by name and backend, on top of the library: register, look up, run.
///
///     var registry = KernelRegistry(library)
///     try registry.register(mine, definition: rmsnorm, as: "rmsnorm", backend: "cpp")
///     try registry.run("rmsnorm", backend: "cpp", [.tensor(x), …], on: stream)
///     try registry.run("rmsnorm", [.tensor(x), …], on: stream)       // whatever the policy chooses
///
/// A call without a backend follows the library: its policy, then its measurements. Used from one thread.
public struct KernelRegistry {
  private var library: KernelLibrary
  private var definitions: [String: Definition] = [:]
  private var registered: [String: [(backend: String, solution: KernelSolution)]] = [:]
  private var bound: [String: BoundKernel] = [:]

  public init(_ library: KernelLibrary) { self.library = library }

  /// The names, in order.
  public var names: [String] { definitions.keys.sorted() }

  /// The backends of a name: those registered, then the languages that the library has for it.
  public func backends(of name: String) -> [String] {
    guard let definition = definitions[name] else { return [] }
    var found = registered[name, default: []].map(\.backend)
    for solution in library.solutions where solution.computes(definition) && !found.contains(solution.flavor.rawValue) {
      found.append(solution.flavor.rawValue)
    }
    return found
  }

  /// Makes a definition known under a name, with the library's solutions as backends.
  /// - Throws: `invalidPolicy` when the name stands for another definition.
  public mutating func register(_ definition: Definition, as name: String) throws(KernelError) {
    if let known = definitions[name], known != definition {
      throw KernelError(.invalidPolicy, definition: definition.name, "the name \"\(name)\" stands for \(known.name)")
    }
    definitions[name] = definition
  }

  /// Adds a kernel under a name and backend.
  /// - replacing: lets a later registration take an earlier one's place.
  /// - Throws: `invalidPolicy` when the pair is taken, or the solution computes another definition.
  public mutating func register(
    _ solution: KernelSolution, definition: Definition, as name: String, backend: String, replacing: Bool = false
  ) throws(KernelError) {
    try register(definition, as: name)
    guard solution.computes(definition) else {
      throw KernelError(
        .invalidPolicy, definition: definition.name, solution: solution.name,
        "it computes \(solution.definition ?? solution.operation)")
    }
    if let index = registered[name, default: []].firstIndex(where: { $0.backend == backend }) {
      guard replacing else {
        throw KernelError(
          .invalidPolicy, definition: definition.name, solution: solution.name,
          "\(name) has the backend \"\(backend)\" already: \(registered[name, default: []][index].solution.name)")
      }
      registered[name, default: []][index].solution = solution
      bound["\(name)\0\(backend)"] = nil
    } else {
      registered[name, default: []].append((backend, solution))
    }
  }

  /// The kernel of a name, bound; kept for the next call.
  /// - backend: nil leaves the choice to the library.
  /// - Throws: `noCandidate` listing what exists; what `bind` throws.
  public mutating func kernel(_ name: String, backend: String? = nil) throws(KernelError) -> BoundKernel {
    guard let definition = definitions[name] else {
      throw KernelError(
        .noCandidate,
        "there is no kernel \"\(name)\"; there are \(names.isEmpty ? "none" : names.joined(separator: ", "))")
    }
    let key = "\(name)\0\(backend ?? "")"
    if let kernel = bound[key] { return kernel }
    var library = library
    if let backend {
      guard backends(of: name).contains(backend) else {
        throw KernelError(
          .noCandidate, definition: definition.name,
          "\(name) has no backend \"\(backend)\"; there are \(backends(of: name).joined(separator: ", "))")
      }
      if let entry = registered[name]?.first(where: { $0.backend == backend }) { library.solutions = [entry.solution] }
      let solutionName = registered[name]?.first { $0.backend == backend }?.solution.name
      library.policy = KernelPolicy(preferred: [KernelFlavor(rawValue: solutionName ?? backend)])
    } else {
      library.solutions += registered[name, default: []].map(\.solution)
    }
    let kernel = try library.bind(definition)
    bound[key] = kernel
    return kernel
  }

  /// Looks a kernel up and runs it.
  public mutating func run(
    _ name: String, backend: String? = nil, _ arguments: [KernelArgument], on stream: any ExecutionStream
  ) throws(KernelError) {
    try kernel(name, backend: backend).apply(arguments, on: stream)
  }
}

extension KernelLibrary {
  /// The wrapping form: a kernel whose last resort is a closure of the caller's. What the library chooses computes the
  /// definition; where nothing can, the closure does, and the decision says so.
  /// - Throws: what `bind` throws for other reasons than that there is no candidate.
  public func wrapping(
    _ definition: Definition, name: String = "caller",
    _ body: @escaping @Sendable ([KernelArgument], CPUStream) throws(KernelError) -> Void
  ) throws(KernelError) -> BoundKernel {
    var library = self
    let own = KernelSolution(
      operation: "", definition: definition.name, name: "\(definition.name)_\(name)", flavor: .caller, author: name,
      source: name, isBatchInvariant: nil, needsCompilation: false,
      availability: { _, context in
        context.device == .cpu ? .available : .unavailable(because: "the caller's closure runs on the CPU only")
      }, build: { _, _ throws(KernelError) in SwiftKernel(body) })
    do {
      return try library.bind(definition)
    } catch {
      guard error.code == .noCandidate else { throw error }
      library.solutions.append(own)
      library.policy.preferred.append(.caller)
      library.policy.overrides = library.policy.overrides.mapValues { $0 + [.caller] }
      library.policy.selection = .listed
      return try library.bind(definition)
    }
  }

  /// The function form: binds and runs once. For a call in a loop, bind outside of it.
  public func apply(
    _ definition: Definition, _ arguments: [KernelArgument], on stream: any ExecutionStream,
    otherwise body: (@Sendable ([KernelArgument], CPUStream) throws(KernelError) -> Void)? = nil
  ) throws(KernelError) {
    let kernel: BoundKernel
    if let body { kernel = try wrapping(definition, body) } else { kernel = try bind(definition) }
    try kernel.apply(arguments, on: stream)
  }
}

extension KernelFlavor {
  /// A closure that the caller gave as the last resort.
  public static let caller = KernelFlavor(rawValue: "caller")
}
