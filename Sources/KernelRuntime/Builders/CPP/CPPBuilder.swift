import Tensors
import Traces

/// Builds C++ (and C, as C++) for the CPU into a shared library behind the TVM-FFI C ABI.
///
///     let cpp = CPPBuilder(cache: ArtifactCache(root: folder))
///     let kernel = try cpp.build(solution, for: definition, in: BindContext(device: .cpu))
///
/// All `.cpp .cc .cxx .c` files are compiled, the others are headers. Sources that include `<tvm/ffi/…>` get the headers
/// and the library of the Python package apache-tvm-ffi.
public struct CPPBuilder: KernelBuilder {
  private let build: CompiledLibraryBuild
  private let headers: [SourceFile]
  private let compilers: [String], python: String
  private let compiler = Once<Tool?>(), target = Once<String>(), tvmFFI = Once<TVMFFIPackage?>()

  /// - compilers: paths or names; the first that there is is used.
  /// - python: asked where the package apache-tvm-ffi is.
  /// - headers: offered to all sources, as `#include <path>`.
  /// - limit: how long a compilation may take.
  public init(
    cache: ArtifactCache, compilers: [String] = ["clang++", "g++"], python: String = "python3",
    headers: [SourceFile] = [], limit: Duration = .seconds(120)
  ) {
    build = CompiledLibraryBuild(cache: cache, limit: limit)
    (self.headers, self.compilers, self.python) = (headers, compilers, python)
  }

  public var languages: [Language] { [.cpp] }

  public func availability(on device: Device) -> Availability {
    guard device == .cpu else { return .unavailable(because: "C++ solutions run on the CPU, not on \(device)") }
    guard compiler({ Tool.find(compilers) }) != nil else {
      return .unavailable(because: "no C++ compiler: there is no \(compilers.joined(separator: " or "))")
    }
    return .available
  }

  public func availability(of solution: Solution, on device: Device) -> Availability {
    if let reason = refusal(solution) { return .unavailable(because: reason) }
    return availability(on: device)
  }

  private func refusal(_ solution: Solution) -> String? {
    let spec = solution.spec
    if let reason = TargetHardware.refusal(spec) { return reason }
    if let binding = spec.binding, binding != .tvmFFI {
      return "its binding is \(binding); C++ is bound by tvm-ffi here"
    }
    if !spec.destinationPassingStyle {
      return "it returns its outputs; C++ solutions get them as arguments here (destination_passing_style)"
    }
    if Self.translationUnits(solution).isEmpty { return "it has no .cpp, .cc, .cxx or .c file" }
    if TVMFFIPackage.isNeeded(by: solution), package == nil {
      return "it includes <tvm/ffi/…>, whose headers \(python) does not have: pip install apache-tvm-ffi"
    }
    return nil
  }

  private var package: TVMFFIPackage? { tvmFFI { TVMFFIPackage.find(python: python) } }

  private static func translationUnits(_ solution: Solution) -> [String] {
    solution.sources.map(\.path).filter { path in [".cpp", ".cc", ".cxx", ".c"].contains { path.hasSuffix($0) } }
  }

  public func compile(_ solution: Solution) throws(KernelError) -> CompiledSolution { try library(solution).1 }

  public func build(_ solution: Solution, for definition: Definition, in context: BindContext) throws(KernelError)
    -> any Kernel
  {
    try SharedLibraryKernel(try library(solution).0, solution, definition, context)
  }

  private func library(_ solution: Solution) throws(KernelError) -> (SharedLibrary, CompiledSolution) {
    if case .unavailable(let reason) = availability(of: solution, on: .cpu) {
      throw KernelError(.buildFailed, reason).about(solution)
    }
    guard let tool = compiler({ Tool.find(compilers) }) else { throw KernelError(.buildFailed, "no C++ compiler") }
    var flags = ["-x", "c++", "-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-I."]
    // Errors after the first few would push those out of what is kept.
    flags.append(tool.version.contains("clang") ? "-ferror-limit=20" : "-fmax-errors=20")
    if !headers.isEmpty { flags.append("-I../include") }
    var libraries: [String] = []
    if TVMFFIPackage.isNeeded(by: solution), let package {
      flags += package.includeFolders.flatMap { ["-isystem", $0] }
      libraries = ["-L" + package.libraryFolder, "-Wl,-rpath," + package.libraryFolder, "-ltvm_ffi"]
    }
    let recipe = BuildRecipe(
      solution.spec, sources: solution.sources, headers: headers, tool: tool, flags: flags + libraries,
      target: target { BuildTarget.native() }, artifactName: CompiledLibraryBuild.artifactName)
    // "./" because a path may begin with a dash.
    let files = Self.translationUnits(solution).map { "./" + $0 }
    return try build.library(
      recipe, solution, arguments: flags + files + ["-o", "../artifact.so"] + libraries)
  }
}
