import Glibc
import Traces

/// The compilers of kernels for GPUs, as Python packages in a virtual environment: `make kernels-toolchain`.
///
///     let toolchain = KernelToolchain(root: ".venv-kernels")
///     toolchain.problem(for: .cuda)       // nil, or what is missing and how to get it
///
/// A value that was looked up once; nothing of it is started before it is used.
public struct KernelToolchain: Sendable, Hashable {
  /// The environment's folder.
  public let root: String
  /// Where Python's packages are; nil when this is no virtual environment.
  public let packageFolder: String?
  /// Installed versions of the pinned packages, by name.
  public let versions: [String: String]

  public init(root: String) {
    var root = root
    while root.count > 1, root.hasSuffix("/") { root.removeLast() }
    self.root = root
    let libraries = CacheFiles.names(in: root + "/lib").filter { $0.hasPrefix("python3") }
    packageFolder = libraries.first.map { "\(root)/lib/\($0)/site-packages" }
    var versions: [String: String] = [:]
    let installed = CacheFiles.names(in: packageFolder ?? "").filter { $0.hasSuffix(".dist-info") }
    for (name, _) in PinnedPackages.all {
      let prefix = PinnedPackages.folderName(name) + "-"
      if let folder = installed.first(where: { $0.lowercased().hasPrefix(prefix.lowercased()) }) {
        versions[name] = String(folder.dropFirst(prefix.count).dropLast(".dist-info".count))
      }
    }
    self.versions = versions
  }

  /// The first of some folders that is there; the first of all when none is.
  public static func find(_ candidates: [String]) -> KernelToolchain {
    let chosen = candidates.first { CacheFiles.isDirectory($0 + "/lib") } ?? candidates.first ?? ".venv-kernels"
    return KernelToolchain(root: chosen)
  }

  // MARK: parts

  public var python: String { root + "/bin/python" }
  private var cuda: String { (packageFolder ?? root) + "/nvidia/cu13" }
  public var nvcc: String { cuda + "/bin/nvcc" }
  public var nvrtc: String { cuda + "/lib/libnvrtc.so.13" }
  /// Folders of CUDA's headers.
  public var cudaIncludes: [String] { [cuda + "/include", cuda + "/include/cccl"] }
  /// Folders of the headers that TileLang's sources include.
  public var tileLangIncludes: [String] {
    let folder = (packageFolder ?? root) + "/tilelang"
    return [folder + "/src", folder + "/3rdparty/cutlass/include"]
  }

  // MARK: what is missing

  /// How to get it.
  private static let remedy = "make kernels-toolchain"
  private static let cudaHeaders = ["nvidia-cuda-runtime", "nvidia-cuda-crt", "nvidia-cuda-cccl"]

  /// What a language needs: packages.
  private static func packages(_ language: Language, emulated: Bool) -> [String] {
    let compiler = emulated ? [] : ["nvidia-cuda-nvrtc"]
    return switch language {
    case .triton: ["triton", "numpy", "ml_dtypes"]
    case .tilelang:
      [
        "tilelang", "apache-tvm-ffi", "z3-solver", "cloudpickle", "psutil", "tqdm", "typing_extensions", "ml_dtypes",
        "numpy",
      ]
        + cudaHeaders + compiler
    default: cudaHeaders + compiler
    }
  }

  /// Why a language cannot be built, or with `emulated` not be executed, with this toolchain; nil when it can.
  public func problem(for language: Language, emulated: Bool = false) -> String? {
    guard packageFolder != nil else { return "there is no kernels toolchain at \(root): \(Self.remedy)" }
    if language != .cuda, access(python, X_OK) != 0 { return "\(root) has no bin/python: \(Self.remedy)" }
    for name in Self.packages(language, emulated: emulated) {
      // nvcc takes the library's place.
      if name == "nvidia-cuda-nvrtc", versions[name] == nil, versions["nvidia-cuda-nvcc"] != nil { continue }
      if let problem = problem(of: name) { return problem }
    }
    return nil
  }

  /// Everything that is not as pinned.
  public var problems: [String] {
    if packageFolder == nil { return ["there is no kernels toolchain at \(root): \(Self.remedy)"] }
    return PinnedPackages.all.compactMap { problem(of: $0.name) }
  }

  private func problem(of name: String) -> String? {
    let pinned = PinnedPackages.all.first { $0.name == name }?.version
    guard let found = versions[name] else {
      return
        "the kernels toolchain at \(root) lacks the package \(name)\(pinned.map { " \($0)" } ?? ""): \(Self.remedy)"
    }
    guard let pinned, pinned != found else { return nil }
    return "\(name) is \(found) in \(root), and \(pinned) is what this program was made with: \(Self.remedy)"
  }

  /// What decides the images of a language: names and versions, sorted.
  func fingerprint(of language: Language, emulated: Bool) -> String {
    Self.packages(language, emulated: emulated).sorted().map { "\($0) \(versions[$0] ?? "-")" }.joined(separator: ", ")
  }
}
