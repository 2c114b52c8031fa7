import KernelRuntime
import Tensors
import Traces

/// Runs a line of shell; its arguments are `$1` and so on.
@discardableResult func runShell(_ script: String, _ arguments: String...) throws -> String {
  try ChildProcess.run(["/bin/sh", "-c", script, "sh"] + arguments, within: .seconds(60)).output
}

/// Which of the programs that these tests run are here.
enum Tools {
  static let cpp = has("clang++") || has("g++")
  static let swift = has("swiftc")
  static let python = has("python3")
  static let torch = has("python3", import: "torch")
  static let numpy = has("python3", import: "numpy")
  static let tvmFFI = has("python3", import: "tvm_ffi")

  private static func has(_ program: String) -> Bool {
    (try? ChildProcess.run([program, "--version"], within: .seconds(30)).status) == 0
  }
  private static func has(_ python: String, import module: String) -> Bool {
    (try? ChildProcess.run([python, "-c", "import \(module)"], within: .seconds(60)).status) == 0
  }
}

enum Fixtures {
  /// y [n, d] = x [n, d] · factor
  static func scale(
    _ dtype: DType = .float32, factor: DType = .float32, reference: String? = nil, tags: [String] = []
  ) throws -> Definition {
    try Definition(
      name: "scale_d3", opType: "scale", axes: ["n": .var, "d": .const(3)],
      inputs: ["x": .tensor("n", "d", dtype: dtype), "factor": .scalar(factor)],
      outputs: ["y": .tensor("n", "d", dtype: dtype)],
      reference: reference ?? "def run(x, factor):\n    return x * factor\n", tags: tags)
  }

  static func solution(
    _ language: Language, _ files: [(String, String)], entry: String, name: String = "mine",
    hardware: [String] = ["cpu"],
    dependencies: [String] = [], destination: Bool = true, binding: Binding? = nil
  ) throws -> Solution {
    try Solution(
      name: name, definition: "scale_d3", author: "test",
      spec: BuildSpec(
        language: language, targetHardware: hardware, entryPoint: entry, dependencies: dependencies,
        destinationPassingStyle: destination, binding: binding),
      sources: files.map { SourceFile(path: $0.0, content: $0.1) })
  }

  /// What C++ sources of these tests begin with: the ABI, once more by hand.
  static let abi = """
    #include <cstdint>
    struct Device { int32_t type, id; };
    struct DataType { uint8_t code, bits; uint16_t lanes; };
    struct Tensor { void *data; Device device; int32_t ndim; DataType dtype; int64_t *shape, *strides; uint64_t offset; };
    struct Any { int32_t type; uint32_t padding; union { int64_t integer; double number; void *pointer; }; };
    #define EXPORT extern "C" __attribute__((visibility("default")))

    """

  /// A C++ solution of `scale` with strides, as it should be.
  static func cpp(_ body: String? = nil, name: String = "mine") throws -> Solution {
    let source =
      abi
        + """
        static const char *problem = "";
        EXPORT const char *swiftlet_last_error() { return problem; }
        EXPORT int __tvm_ffi_run(void *, const Any *arguments, int32_t count, Any *) {
          \(body ?? Self.cppBody)
          return 0;
        }

        """
    return try solution(.cpp, [("main.cpp", source)], entry: "main.cpp::run", name: name)
  }

  static let cppBody = """
    if (count != 3) { problem = "three arguments, please"; return -1; }
    if (arguments[0].type != 7 || arguments[1].type != 3 || arguments[2].type != 7) { problem = "kinds"; return -1; }
    auto *x = (Tensor *)arguments[0].pointer, *y = (Tensor *)arguments[2].pointer;
    double factor = arguments[1].number;
    for (int64_t i = 0; i < x->shape[0]; i++)
      for (int64_t j = 0; j < x->shape[1]; j++)
        ((float *)y->data)[i * y->strides[0] + j * y->strides[1]] =
            ((float *)x->data)[i * x->strides[0] + j * x->strides[1]] * factor;
    """

  static func python(
    _ source: String, entry: String = "main.py::run", dependencies: [String] = [], destination: Bool = true
  ) throws -> Solution {
    try solution(.python, [("main.py", source)], entry: entry, dependencies: dependencies, destination: destination)
  }

  /// Calls a kernel of `scale` with 1 … 6, twofold.
  static func scaled(_ kernel: any Kernel, by factor: Double = 2) throws -> [Float] {
    let x = Tensor([1.0, 2, 3, 4, 5, 6], [2, 3]), y = Tensor(.float32, [2, 3])
    try kernel.run([.tensor(x), .scalar(factor), .tensor(y)], on: CPUStream(threads: 1))
    return y.floats
  }
}

/// The error that a call throws; nil when it throws none.
func failure(_ body: () throws -> Void) -> KernelError? {
  do {
    try body()
    return nil
  } catch {
    return error as? KernelError
  }
}
