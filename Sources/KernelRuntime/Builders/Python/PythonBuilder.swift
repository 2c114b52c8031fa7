import Tensors
import Traces

/// Runs solutions in Python, and definitions' references, in a process of its own: a crash or an endless loop there is
/// an error here.
///
///     let python = PythonBuilder(cache: ArtifactCache(root: folder))
///     let reference = try PythonBuilder.referenceSolution(of: definition)
///     let kernel = try python.build(reference, for: definition, in: BindContext(device: .cpu))
///
/// Arguments are torch tensors when torch can be imported (all element types, no copy on that side); else numpy arrays
/// when the solution's dependencies name numpy; else memoryviews (float32, integers and bool), for which Python's
/// standard library is enough. A kernel that writes into an input which is no output writes into a copy.
public struct PythonBuilder: KernelBuilder {
  private let cache: ArtifactCache
  private let python: String
  private let worker: PythonWorker
  private let interpreter = Once<Interpreter?>()

  /// - python: a path, or a name to be found in PATH.
  /// - buildLimit: how long an import may take; torch's own is in it.
  /// - callLimit: how long one call may take.
  public init(
    cache: ArtifactCache, python: String = "python3", buildLimit: Duration = .seconds(120),
    callLimit: Duration = .seconds(60)
  ) {
    (self.cache, self.python) = (cache, python)
    worker = PythonWorker(python: python, buildLimit: buildLimit, callLimit: callLimit)
  }

  /// What was found out about the interpreter.
  private struct Interpreter: Sendable {
    let tool: Tool
    /// Of torch and numpy, those that are installed.
    let packages: [String]

    static func find(_ python: String) -> Interpreter? {
      let script = """
        import sys, importlib.util
        sys.path[:] = [folder for folder in sys.path if folder]
        assert sys.version_info >= (3, 8)
        print(sys.executable)
        print(sys.version.replace("\\n", " "))
        print(*[name for name in ("torch", "numpy") if importlib.util.find_spec(name)])
        """
      guard let outcome = try? ChildProcess.run([python, "-c", script], within: .seconds(60)), outcome.status == 0
      else { return nil }
      let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      guard lines.count >= 3 else { return nil }
      return Interpreter(
        tool: Tool(path: lines[0], version: lines[1]), packages: lines[2].split(separator: " ").map(String.init))
    }
  }

  public var languages: [Language] { [.python] }

  public func availability(on device: Device) -> Availability {
    guard device == .cpu else { return .unavailable(because: "Python solutions run on the CPU, not on \(device)") }
    guard interpreter({ Interpreter.find(python) }) != nil else {
      return .unavailable(because: "no Python: \(python) 3.8 or later cannot be started")
    }
    return .available
  }

  public func availability(of solution: Solution, on device: Device) -> Availability {
    if let reason = TargetHardware.refusal(solution.spec) { return .unavailable(because: reason) }
    if case .unavailable(let reason) = availability(on: device) { return .unavailable(because: reason) }
    let packages = interpreter { Interpreter.find(python) }?.packages ?? []
    for name in Self.dependencies(solution) where ["torch", "numpy"].contains(name) && !packages.contains(name) {
      return .unavailable(because: "it needs \(name), which \(python) does not have: pip install \(name)")
    }
    return .available
  }

  private static func dependencies(_ solution: Solution) -> [String] {
    solution.spec.parsedDependencies.map { $0.name.lowercased() }
  }

  public func compile(_ solution: Solution) throws(KernelError) -> CompiledSolution {
    let (module, compiled) = try module(of: solution)
    do throws(KernelError) {
      worker.release(try worker.build(module, nil))
    } catch {
      throw error.about(solution)
    }
    return compiled
  }

  public func build(_ solution: Solution, for definition: Definition, in context: BindContext) throws(KernelError)
    -> any Kernel
  {
    let module = try module(of: solution).0
    do throws(KernelError) {
      let plan = try ArgumentPlan(definition, constants: context.constants)
      return PythonKernel(worker, try worker.build(module, plan), plan, solution)
    } catch {
      throw error.about(solution)
    }
  }

  /// Puts the sources on disk, as a package.
  private func module(of solution: Solution) throws(KernelError) -> (PythonWorker.Module, CompiledSolution) {
    if case .unavailable(let reason) = availability(of: solution, on: .cpu) {
      throw KernelError(.buildFailed, reason).about(solution)
    }
    guard let tool = interpreter({ Interpreter.find(python) })?.tool else {
      throw KernelError(.buildFailed, "no Python").about(solution)
    }
    let package = solution.packageName(prefix: "swiftlet_python_")
    let recipe = BuildRecipe(
      solution.spec, sources: solution.sources.map { SourceFile(path: "\(package)/\($0.path)", content: $0.content) },
      tool: tool, flags: [], target: "any", artifactName: nil)
    do throws(KernelError) {
      let artifact = try cache.artifact(for: recipe, solution: solution.name) { _ in }
      let module = PythonWorker.Module(
        folder: artifact.sourceFolder, package: package, entry: solution.spec.entryFile,
        symbol: solution.spec.entrySymbol, dependencies: Self.dependencies(solution),
        isDestinationPassing: solution.spec.destinationPassingStyle)
      return (module, CompiledSolution(path: artifact.sourceFolder, isFromCache: artifact.isFromCache))
    } catch {
      throw error.about(solution)
    }
  }

  /// A definition's reference as a solution: `<definition>__reference`, which returns its outputs. It depends on torch and
  /// numpy when it imports them.
  /// - Throws: `buildFailed` when the definition's name leaves no room for the suffix.
  public static func referenceSolution(of definition: Definition) throws(KernelError) -> Solution {
    let imports = definition.reference.split { $0 == "\n" || $0 == ";" }.map { $0.drop { $0 == " " || $0 == "\t" } }
    let dependencies = ["torch", "numpy"].filter { name in
      imports.contains { $0.hasPrefix("import \(name)") || $0.hasPrefix("from \(name)") }
    }
    do throws(SchemaError) {
      return try Solution(
        name: definition.name + "__reference", definition: definition.name, author: "__builtin__",
        spec: BuildSpec(
          language: .python, targetHardware: ["cpu"], entryPoint: "main.py::run", dependencies: dependencies,
          destinationPassingStyle: false),
        sources: [SourceFile(path: "main.py", content: definition.reference)])
    } catch {
      throw KernelError(.buildFailed, definition: definition.name, "\(error)")
    }
  }
}

/// A function in the worker process. Used by one thread at a time; others wait.
private final class PythonKernel: Kernel {
  private let worker: PythonWorker
  private let handle: PythonWorker.Handle
  private let plan: ArgumentPlan
  private let definition: String, solution: String, isDestinationPassing: Bool

  init(_ worker: PythonWorker, _ handle: PythonWorker.Handle, _ plan: ArgumentPlan, _ solution: Solution) {
    (self.worker, self.handle, self.plan) = (worker, handle, plan)
    (definition, self.solution) = (solution.definition, solution.name)
    isDestinationPassing = solution.spec.destinationPassingStyle
  }

  deinit { worker.release(handle) }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    do throws(KernelError) {
      try plan.check(arguments)
      try worker.call(handle, plan, arguments, isDestinationPassing: isDestinationPassing)
    } catch {
      throw KernelError(error.code, definition: definition, solution: solution, error.reason)
    }
  }
}
