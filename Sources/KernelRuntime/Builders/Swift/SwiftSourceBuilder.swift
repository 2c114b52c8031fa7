import Tensors
import Traces

/// Builds Swift for the CPU into a shared library behind the TVM-FFI C ABI, as the C++ builder does.
///
///     import TensorABI
///     @_cdecl("__tvm_ffi_run")
///     public func run(
///       _ handle: UnsafeMutableRawPointer?, _ arguments: UnsafePointer<TVMFFIAny>, _ count: Int32,
///       _ result: UnsafeMutablePointer<TVMFFIAny>
///     ) -> Int32 { … }
///
/// `TensorABI` is the module of `tensor_abi.h`, which this builder puts beside the sources.
public struct SwiftSourceBuilder: KernelBuilder {
  private let build: CompiledLibraryBuild
  private let compilers: [String]
  private let compiler = Once<Tool?>(), target = Once<String>()

  /// - limit: how long a compilation may take.
  public init(cache: ArtifactCache, compilers: [String] = ["swiftc"], limit: Duration = .seconds(180)) {
    build = CompiledLibraryBuild(cache: cache, limit: limit)
    self.compilers = compilers
  }

  public var languages: [Language] { [.swift] }

  public func availability(on device: Device) -> Availability {
    guard device == .cpu else { return .unavailable(because: "Swift solutions run on the CPU, not on \(device)") }
    guard compiler({ Tool.find(compilers) }) != nil else {
      return .unavailable(because: "no Swift compiler: there is no \(compilers.joined(separator: " or "))")
    }
    return .available
  }

  public func availability(of solution: Solution, on device: Device) -> Availability {
    if let reason = TargetHardware.refusal(solution.spec) { return .unavailable(because: reason) }
    if !solution.spec.destinationPassingStyle {
      return .unavailable(
        because: "it returns its outputs; Swift solutions get them as arguments here (destination_passing_style)")
    }
    if !solution.sources.contains(where: { $0.path.hasSuffix(".swift") }) {
      return .unavailable(because: "it has no .swift file")
    }
    return availability(on: device)
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
    guard let tool = compiler({ Tool.find(compilers) }) else { throw KernelError(.buildFailed, "no Swift compiler") }
    let flags = [
      "-O", "-wmo", "-parse-as-library", "-emit-library", "-Xcc", "-march=native", "-I", "../include",
    ]
    let recipe = BuildRecipe(
      solution.spec, sources: solution.sources, headers: Self.headers, tool: tool, flags: flags,
      target: target { BuildTarget.native() }, artifactName: CompiledLibraryBuild.artifactName)
    let files = solution.sources.map(\.path).filter { $0.hasSuffix(".swift") }.map { "./" + $0 }
    return try build.library(
      recipe, solution,
      arguments: flags + ["-module-name", solution.packageName(prefix: "swiftlet_swift_"), "-o", "../artifact.so"]
        + files)
  }

  /// The module `TensorABI`.
  private static let headers = [
    SourceFile(path: "module.modulemap", content: "module TensorABI {\n  header \"tensor_abi.h\"\n  export *\n}\n"),
    SourceFile(path: "tensor_abi.h", content: String(decoding: PackageResources.tensor_abi_h, as: UTF8.self)),
  ]
}
