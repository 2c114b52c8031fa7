import Glibc
import KernelRuntime
import Tensors
import Testing
import Traces

/// The kernels toolchain that these tests use: where SWIFTLET_KERNELS_TOOLCHAIN says, or the project's own.
enum Toolchain {
  static let project = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
  static let found = KernelToolchain(
    root: getenv("SWIFTLET_KERNELS_TOOLCHAIN").map { String(cString: $0) } ?? project + "/.venv-kernels")

  /// Whether a language can be built here; says why not.
  static func has(_ language: Language, emulated: Bool = false) -> Bool {
    guard let problem = found.problem(for: language, emulated: emulated) else { return true }
    print("skipped: \(problem)")
    return false
  }
  static let all = KernelSourceFolder.languages.allSatisfy { has($0) }
}

/// A folder that is removed when this object goes.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/swiftlet-gpu-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  deinit { _ = try? ChildProcess.run(["rm", "-rf", path], within: .seconds(30)) }

  /// Writes a file and the folders above it.
  @discardableResult func write(_ text: String, to name: String) -> String {
    let file = "\(path)/\(name)", folder = file[..<(file.lastIndex(of: "/") ?? file.endIndex)]
    _ = try? ChildProcess.run(["mkdir", "-p", String(folder)], within: .seconds(30))
    let stream = fopen(file, "w")
    fputs(text, stream)
    fclose(stream)
    return file
  }
}

/// One operation in three languages: every element times a factor, plus a tag's value.
enum Scale {
  static func definition(_ dtype: DType = .float32, width: Int = 100, tags: [String] = []) throws -> Definition {
    try Definition(
      name: "scale_w\(width)" + (dtype == .float32 ? "" : "_\(dtype.rawValue)"), opType: "scale",
      axes: ["rows": .var, "width": .const(width)],
      inputs: ["x": .tensor("rows", "width", dtype: dtype), "factor": .scalar(.float32)],
      outputs: ["y": .tensor("rows", "width", dtype: dtype)],
      reference: "def run(x, factor):\n    return x * factor\n", tags: tags)
  }

  static let cuda = """
    // operation: scale
    // takes: x, factor -> y
    // types: x, y = float32, bfloat16, float16
    // tags: weight_offset
    // launch: scale   grid = rows   block = 32   when = rows > 0
    //
    // One block a row.
    #include "elements.cuh"
    #ifdef TAG_WEIGHT_OFFSET
    constexpr float offset = TAG_WEIGHT_OFFSET;
    #else
    constexpr float offset = 0;
    #endif
    extern "C" __global__ void scale(const X_T* x, float factor, Y_T* y, int rows) {
      for (int i = threadIdx.x; i < WIDTH; i += 32) {
        const long long place = static_cast<long long>(blockIdx.x) * WIDTH + i;
        y[place] = from_float<Y_T>(to_float(x[place]) * factor + offset);
      }
    }

    """

  static let triton = """
    # operation: scale
    # takes: x, factor -> y
    # types: x, y = float32, bfloat16, float16
    # tags: weight_offset
    #
    # One program a row.
    import triton
    import triton.language as tl


    @triton.jit
    def scale(x, y, factor, WIDTH: tl.constexpr, BLOCK: tl.constexpr, OFFSET: tl.constexpr):
        columns = tl.arange(0, BLOCK)
        inside = columns < WIDTH
        place = tl.program_id(0).to(tl.int64) * WIDTH + columns
        value = tl.load(x + place, mask=inside, other=0.0).to(tl.float32) * factor + OFFSET
        tl.store(y + place, value.to(y.dtype.element_ty), mask=inside)


    def plan(c):
        constants = {"WIDTH": c.WIDTH, "BLOCK": triton.next_power_of_2(c.WIDTH), "OFFSET": c.tags.get("weight_offset", 0)}
        return {"launches": [{"kernel": scale, "constexprs": constants, "grid": ["rows"], "num_warps": 1}]}

    """

  static let tilelang = """
    # operation: scale
    # takes: x, factor -> y
    # types: x, y = float32, bfloat16, float16
    # tags: weight_offset
    #
    # One block a row.
    import tilelang.language as T


    def scale(WIDTH, dtype, OFFSET):
        rows = T.dynamic("rows")

        @T.prim_func
        def scale(x: T.Tensor((rows, WIDTH), dtype), factor: T.float32, y: T.Tensor((rows, WIDTH), dtype)):
            with T.Kernel(rows, threads=32) as row:
                for i in T.Parallel(WIDTH):
                    y[row, i] = T.cast(T.cast(x[row, i], "float32") * factor + OFFSET, dtype)

        return scale


    def plan(c):
        return {"launches": [{"program": scale(c.WIDTH, c.types["x"], c.tags.get("weight_offset", 0))}]}

    """

  /// Writes all three into a folder of rooms that has the project's headers.
  static func room(in folder: TemporaryFolder) -> KernelSourceFolder {
    folder.write(cuda, to: "Kernels/scale/cuda/scale.cu")
    folder.write(triton, to: "Kernels/scale/triton/scale.py")
    folder.write(tilelang, to: "Kernels/scale/tilelang/scale.py")
    return link(folder)
  }

  static func link(_ folder: TemporaryFolder) -> KernelSourceFolder {
    symlink(Toolchain.project + "/Kernels/include", folder.path + "/Kernels/include")
    return KernelSourceFolder(root: folder.path + "/Kernels")
  }

  static func builder(_ folder: TemporaryFolder, _ sources: KernelSourceFolder) -> GPUKernelBuilder {
    GPUKernelBuilder(sources: sources, toolchain: Toolchain.found, cache: ArtifactCache(root: folder.path + "/cache"))
  }
}

/// The error that a body throws.
func failure(_ body: () throws -> Void) -> KernelError? {
  do { try body() } catch { return error as? KernelError }
  return nil
}
