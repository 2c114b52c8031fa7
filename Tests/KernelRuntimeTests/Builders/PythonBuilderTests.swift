import Glibc
import KernelRuntime
import Tensors
import Testing
import Traces

/// A Python process that tests share which do not end it: torch, where it is installed, takes a while to import.
enum SharedPython {
  private static let folder = TemporaryFolder()
  static let builder: PythonBuilder = {
    atexit { SharedPython.folder.remove() }
    return PythonBuilder(cache: ArtifactCache(root: folder.path))
  }()
}

/// Each solution works on torch tensors, numpy arrays and memoryviews alike, so that these run with whatever there is.
@Suite("The Python builder", .enabled(if: Tools.python, "there is no python3"))
struct PythonBuilderTests {
  private let folder = TemporaryFolder()
  private let context = BindContext(device: .cpu)
  private let scale: Definition
  private let builder = SharedPython.builder

  init() throws { scale = try Fixtures.scale() }

  private static let loops = """
    def run(x, factor, y):
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                y[i, j] = x[i, j] * factor

    """

  @Test("runs a solution that writes its outputs")
  func destination() throws {
    let kernel = try builder.build(try Fixtures.python(Self.loops), for: scale, in: context)
    #expect(try Fixtures.scaled(kernel) == [2, 4, 6, 8, 10, 12])
    #expect(try Fixtures.scaled(kernel, by: -0.5) == [-0.5, -1, -1.5, -2, -2.5, -3])
  }

  @Test(
    "runs a solution that returns its outputs, alone, in a tuple or by name",
    arguments: ["rows", "(rows,)", "{'y': rows}", "memoryview(flat)"])
  func value(result: String) throws {
    guard !Tools.torch || !result.contains("memoryview") else { return }
    let source = """
      import array
      def run(x, factor):
          rows = [[float(x[i, j]) * factor for j in range(x.shape[1])] for i in range(x.shape[0])]
          flat = array.array('f', [element for row in rows for element in row])
          return \(result)

      """
    let kernel = try builder.build(try Fixtures.python(source, destination: false), for: scale, in: context)
    #expect(try Fixtures.scaled(kernel) == [2, 4, 6, 8, 10, 12])
  }

  @Test("imports other files of the solution, and keeps two solutions with the same files apart")
  func severalFiles() throws {
    for factor in [3, 4] {
      let solution = try Fixtures.solution(
        .python,
        [
          (
            "kernels/main.py",
            "from .parts.constant import FACTOR\n" + Self.loops.replacing("* factor", with: "* FACTOR")
          ),
          ("kernels/parts/constant.py", "FACTOR = \(factor)\n"),
        ], entry: "kernels/main.py::run")
      let kernel = try builder.build(solution, for: scale, in: context)
      #expect(try Fixtures.scaled(kernel)[0] == Float(factor))
    }
  }

  @Test("passes constants, rows that lie apart, tensors without elements, and larger ones than before")
  func layouts() throws {
    let constant = BindContext(device: .cpu, constants: ["x": Tensor([1.0, 2, 3], [1, 3])])
    let first = try builder.build(try Fixtures.python(Self.loops), for: scale, in: constant)
    let second = try builder.build(try Fixtures.python(Self.loops), for: scale, in: context)
    let stream = CPUStream(threads: 1)
    for _ in 0..<2 {
      let wide = Tensor((0..<8).map(Float.init), [2, 4]), spread = Tensor(.float32, [2, 5])
      try second.run(
        [.tensor(wide.narrow(1, from: 1, count: 3)), .scalar(3), .tensor(spread.narrow(1, from: 1, count: 3))],
        on: stream)
      #expect(spread.floats == [0, 3, 6, 9, 0, 0, 15, 18, 21, 0])
      let y = Tensor(.float32, [1, 3])
      try first.run([.scalar(5), .tensor(y)], on: stream)
      #expect(y.floats == [5, 10, 15])
      let none = Tensor(.float32, [0, 3])
      if Tools.torch || Tools.numpy { try second.run([.tensor(none), .scalar(1), .tensor(none)], on: stream) }
      let long = Tensor((0..<9000).map(Float.init), [3000, 3]), out = Tensor(.float32, [3000, 3])
      try second.run([.tensor(long), .scalar(1), .tensor(out)], on: stream)
      #expect(out.floats == long.floats)
    }
  }

  @Test("an output that is an input's memory is one tensor there, too; what is not written stays")
  func inPlace() throws {
    let source = "def run(x, factor, y):\n    y[0, 1] = 70\n    y[0, 2] = x[0, 1]\n"
    let kernel = try builder.build(try Fixtures.python(source), for: scale, in: context)
    let x = Tensor([1.0, 2, 3], [1, 3])
    try kernel.run([.tensor(x), .scalar(1), .tensor(x)], on: CPUStream(threads: 1))
    #expect(x.floats == [1, 70, 70])
  }

  @Test("scalars come as the definition types them")
  func scalars() throws {
    let source = """
      def run(x, factor, y):
          kinds = {float: 1, int: 2, bool: 3}
          y[0, 0] = kinds[type(factor)]
          y[0, 1] = 1 if factor != factor else 0

      """
    for (dtype, value, kind) in [(DType.float32, 1.0, Float(1)), (.int64, 2, 2), (.bool, 1, 3), (.float16, .nan, 1)] {
      let definition = try Fixtures.scale(factor: dtype)
      let kernel = try builder.build(try Fixtures.python(source), for: definition, in: context)
      let y = try Fixtures.scaled(kernel, by: value)
      #expect(y[0] == kind && y[1] == (value.isNaN ? 1 : 0), "\(dtype)")
    }
  }

  @Test("integers and booleans keep their bits")
  func integers() throws {
    for dtype in [DType.int64, .int32, .int16, .int8, .bool] {
      let source = "def run(x, factor, y):\n    for j in range(3):\n        y[0, j] = x[0, 2 - j]\n"
      let kernel = try builder.build(try Fixtures.python(source), for: try Fixtures.scale(dtype), in: context)
      let x = Tensor(dtype, [1, 3], rounding: [1, 0, dtype == .bool ? 0 : -5]), y = Tensor(dtype, [1, 3])
      try kernel.run([.tensor(x), .scalar(1), .tensor(y)], on: CPUStream(threads: 1))
      #expect(y.integers == [dtype == .bool ? 0 : -5, 0, 1], "\(dtype)")
    }
  }

  @Test("what solutions print disturbs nothing, from Python or from below it")
  func printing() throws {
    let source = """
      import os, subprocess, sys
      print("imported" * 100)
      def run(x, factor, y):
          print('{"ok": false}')
          os.write(1, b'{"ok": false}\\n')
          subprocess.run(["echo", "hello"])
          sys.stdout.flush()
          y[0, 0] = 1 if sys.stdin.read() == "" else 2

      """
    let kernel = try builder.build(try Fixtures.python(source), for: scale, in: context)
    for _ in 0..<3 { #expect(try Fixtures.scaled(kernel)[0] == 1) }
  }

  @Test("the sources are written once, and compile only imports")
  func caching() throws {
    let solution = try Fixtures.python(Self.loops)
    let builder = PythonBuilder(cache: ArtifactCache(root: folder.path))
    #expect(try !builder.compile(solution).isFromCache)
    #expect(try builder.compile(solution).isFromCache)
    let other = PythonBuilder(cache: ArtifactCache(root: folder.path))
    #expect(try other.compile(solution).isFromCache)
    #expect(ArtifactCache(root: folder.path).list().map(\.solution) == ["mine"])
  }

  @Test("a definition's reference is a solution that returns its outputs")
  func reference() throws {
    let definition = try Fixtures.scale(
      reference:
        "def run(x, factor):\n    return [[float(x[i, j]) * factor for j in range(3)] for i in range(len(x))]\n")
    let solution = try PythonBuilder.referenceSolution(of: definition)
    #expect(solution.name == "scale_d3__reference" && solution.author == "__builtin__")
    #expect(solution.spec.dependencies.isEmpty)
    let inTorch = try Fixtures.scale(
      reference: "import math\nimport torch.nn as nn\ndef run(x, factor):\n    return x\n")
    #expect(try PythonBuilder.referenceSolution(of: inTorch).spec.dependencies == ["torch"])
    #expect(try Fixtures.scaled(try builder.build(solution, for: definition, in: context)) == [2, 4, 6, 8, 10, 12])
  }

  @Test("kernels of one builder take turns when threads call them")
  func threads() async throws {
    let kernels = try (0..<2).map { _ in try builder.build(try Fixtures.python(Self.loops), for: scale, in: context) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (i, kernel) in kernels.enumerated() {
        group.addTask {
          for _ in 0..<20 {
            let y = try Fixtures.scaled(kernel, by: Double(i + 1))
            #expect(y[5] == Float(6 * (i + 1)))
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("a reference in torch computes in bfloat16 and float8", .enabled(if: Tools.torch, "torch is not installed"))
  func torch() throws {
    for dtype in [DType.bfloat16, .float16, .float8_e4m3fn, .float8_e5m2] {
      let definition = try Fixtures.scale(
        dtype,
        reference: "import torch\n@torch.no_grad()\ndef run(x, factor):\n    return (x.float() * factor).to(x.dtype)\n")
      let kernel = try builder.build(
        try PythonBuilder.referenceSolution(of: definition), for: definition, in: context)
      let x = Tensor(dtype, [2, 3], rounding: [1, 2, 3, 4, 5, 6]), y = Tensor(dtype, [2, 3])
      try kernel.run([.tensor(x), .scalar(2), .tensor(y)], on: CPUStream(threads: 1))
      #expect(y.values == [2, 4, 6, 8, 10, 12], "\(dtype)")
      let none = Tensor(dtype, [0, 3])
      try kernel.run([.tensor(none), .scalar(2), .tensor(none)], on: CPUStream(threads: 1))
    }
  }

  @Test(
    "a solution that names numpy gets arrays when there is no torch",
    .enabled(if: Tools.numpy && !Tools.torch, "numpy is not installed, or torch is, which comes first"))
  func numpy() throws {
    let source = "import numpy\ndef run(x, factor, y):\n    numpy.multiply(x, numpy.float16(factor), out=y)\n"
    let solution = try Fixtures.python(source, dependencies: ["numpy >= 1.20"])
    let kernel = try builder.build(solution, for: try Fixtures.scale(.float16), in: context)
    let x = Tensor(.float16, [1, 3], rounding: [1, 2, 3]), y = Tensor(.float16, [1, 3])
    try kernel.run([.tensor(x), .scalar(2), .tensor(y)], on: CPUStream(threads: 1))
    #expect(y.values == [2, 4, 6])
    let returning = "import numpy\ndef run(x, factor):\n    return (x * factor).astype(numpy.float32)\n"
    let value = try Fixtures.python(returning, dependencies: ["numpy"], destination: false)
    #expect(try Fixtures.scaled(try builder.build(value, for: scale, in: context))[5] == 12)
    let error = failure { _ = try builder.build(solution, for: try Fixtures.scale(.bfloat16), in: context) }
    #expect(error?.reason.contains("numpy has no bfloat16") == true)
  }
}
