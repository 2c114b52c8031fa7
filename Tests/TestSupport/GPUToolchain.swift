import Glibc

/// Where tests find the pinned compilers for GPUs: SWIFTLET_KERNELS_TOOLCHAIN, or `.venv-kernels` in the project's root.
public struct GPUToolchain: Sendable {
  /// The project's root.
  public static let root: String = {
    let parts = #filePath.split(separator: "/")  // …/Tests/TestSupport/GPUToolchain.swift
    return "/" + parts.dropLast(3).joined(separator: "/")
  }()

  /// NVIDIA's folder in it, with `include`, `lib` and `bin`.
  public let cuda: String

  /// The toolchain, or why there is none.
  public static let found: Result<GPUToolchain, Absence> = {
    let folder = getenv("SWIFTLET_KERNELS_TOOLCHAIN").map { String(cString: $0) } ?? root + "/.venv-kernels"
    var matches = glob_t()
    defer { globfree(&matches) }
    guard glob(folder + "/lib/python3*/site-packages/nvidia/cu13", 0, nil, &matches) == 0, matches.gl_pathc > 0,
      let path = matches.gl_pathv[0]
    else {
      return .failure(
        Absence("no toolchain for GPUs in \(folder): make kernels-toolchain, or set SWIFTLET_KERNELS_TOOLCHAIN"))
    }
    return .success(GPUToolchain(cuda: String(cString: path)))
  }()

  /// Why something is not here.
  public struct Absence: Error, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  /// A driver that executes kernels on the processor, and a fixture compiled for it.
  public struct StandIn: Sendable {
    /// The stand-in driver.
    public let library: String
    /// The image of `Tests/Fixtures/gpu/launches.cu`.
    public let image: String
  }

  /// Compiled once, kept in `.build`; without optimisation, which takes seconds.
  public static let standIn: Result<StandIn, Absence> = found.flatMap { $0.makeStandIn() }

  private func makeStandIn() -> Result<StandIn, Absence> {
    let emulation = Self.root + "/Kernels/include/emulation", fixture = Self.root + "/Tests/Fixtures/gpu/launches.cu"
    guard access(emulation + "/library.cpp", R_OK) == 0 else {
      return .failure(Absence("no emulation in \(emulation)"))
    }
    guard system("command -v clang++ >/dev/null || command -v g++ >/dev/null") == 0 else {
      return .failure(Absence("no C++ compiler: neither clang++ nor g++ is in the path"))
    }
    let kernels = ["scale_rows", "partial_sums", "merge_sums", "double_sums", "increment", "describe", "fail"]
      .map { "EMULATED_KERNEL(\($0))" }.joined(separator: "\\n")
    // The folder's name says what it was made from; it appears when it is complete.
    let script = """
      set -e
      hash=$(cat $(find '\(emulation)' -type f | sort) '\(fixture)' '\(#filePath)' | sha256sum | cut -c 1-16)
      folder='\(Self.root)/.build/gpu-tests/'$hash
      if [ ! -d "$folder" ]; then
        made="$folder.$$"
        mkdir -p "$made"
        compiler=$(command -v clang++ || command -v g++)
        flags='-std=c++17 -O0 -fPIC -shared -fvisibility=hidden -fno-strict-aliasing -isystem \(cuda)/include'
        $compiler -x c++ $flags -o "$made/libswiftlet-emulation.so" '\(emulation)/library.cpp' \\
          -Wl,-soname,libswiftlet-emulation-tests-$hash.so.1 -ldl -lpthread
        (cat '\(fixture)'; printf '\\n\(kernels)\\n') > "$made/kernel.cpp"
        $compiler $flags -include '\(emulation)/emulation.h' -Wno-unknown-pragmas -o "$made/kernel.so" "$made/kernel.cpp" \\
          "$made/libswiftlet-emulation.so"
        mv "$made" "$folder" 2>/dev/null || rm -r "$made"
      fi
      echo "$folder"
      """
    let file = Self.root + "/.build/gpu-tests.\(getpid())"
    defer {
      unlink(file + ".sh")
      unlink(file + ".log")
    }
    guard let handle = fopen(file + ".sh", "w") else { return .failure(Absence("\(file).sh cannot be written")) }
    fputs(script, handle)
    fclose(handle)
    let status = system("sh '\(file).sh' > '\(file).log' 2>&1")
    let lines = Self.text(file + ".log").split(separator: "\n")
    guard status == 0, let folder = lines.last else {
      return .failure(Absence("the stand-in cannot be compiled: " + lines.joined(separator: "\n")))
    }
    return .success(StandIn(library: "\(folder)/libswiftlet-emulation.so", image: "\(folder)/kernel.so"))
  }

  private static func text(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var result: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { result += buffer[..<count] }
    return String(decoding: result, as: UTF8.self)
  }
}
