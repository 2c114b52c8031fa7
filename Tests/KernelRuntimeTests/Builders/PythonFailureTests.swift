import KernelRuntime
import Tensors
import Testing
import Traces

@Suite("Python solutions that fail", .enabled(if: Tools.python, "there is no python3"))
struct PythonFailureTests {
  private let folder = TemporaryFolder()
  private let context = BindContext(device: .cpu)
  private let scale: Definition
  private let builder = SharedPython.builder

  init() throws { scale = try Fixtures.scale() }

  /// For solutions that end their process.
  private var own: PythonBuilder { PythonBuilder(cache: ArtifactCache(root: folder.path)) }

  private func buildFailure(
    _ source: String, entry: String = "main.py::run", dependencies: [String] = [], destination: Bool = true,
    _ own: PythonBuilder? = nil
  ) throws -> KernelError? {
    let solution = try Fixtures.python(source, entry: entry, dependencies: dependencies, destination: destination)
    return failure { _ = try (own ?? builder).build(solution, for: scale, in: context) }
  }

  private func runFailure(_ body: String, destination: Bool = true, _ own: PythonBuilder? = nil) throws -> KernelError?
  {
    let source = "import os, sys\ndef run(x, factor\(destination ? ", y" : "")):\n    \(body)\n"
    let solution = try Fixtures.python(source, destination: destination)
    let kernel = try (own ?? builder).build(solution, for: scale, in: context)
    return failure { _ = try Fixtures.scaled(kernel) }
  }

  @Test("an import that fails gives the end of the traceback")
  func imports() throws {
    let syntax = try buildFailure("def run(x:\n")
    #expect(syntax?.code == .buildFailed && syntax?.solution == "mine")
    #expect(syntax?.reason.contains("SyntaxError") == true)
    #expect(try buildFailure("import no_such_module_here\n")?.reason.contains("No module named") == true)
    #expect(try buildFailure("1 / 0\n")?.reason.contains("ZeroDivisionError") == true)
    #expect(try buildFailure("import sys\nsys.exit(3)\n")?.reason.contains("SystemExit: 3") == true)
  }

  @Test("a symbol that is missing, no function, or takes other arguments is refused at the build")
  func symbols() throws {
    #expect(try buildFailure("x = 1\n")?.reason == "main.py has no \"run\"")
    #expect(try buildFailure("run = 1\n")?.reason.contains("is no function, but int") == true)
    #expect(
      try buildFailure("def run(x):\n    pass\n")?.reason.contains(
        "cannot be called with 3 arguments (inputs, then outputs)")
        == true)
    #expect(
      try buildFailure("def run(x, factor, y):\n    pass\n", destination: false)?.reason.contains(
        "with 2 arguments (inputs)")
        == true)
    #expect(try buildFailure("def run(x, factor, y, *, z):\n    pass\n")?.reason.contains("'z'") == true)
    #expect(try buildFailure("def run(x, factor, y, z=1):\n    pass\n") == nil)
  }

  @Test(
    "element types that nothing here has are refused at the build", .enabled(if: !Tools.torch, "torch has them all"))
  func elementTypes() throws {
    let solution = try Fixtures.python("def run(x, factor, y):\n    pass\n")
    for dtype in [DType.bfloat16, .float16, .float8_e4m3fn] {
      let error = failure { _ = try builder.build(solution, for: try Fixtures.scale(dtype), in: context) }
      #expect(error?.reason.contains("memoryview has no \(dtype.rawValue)") == true)
    }
  }

  @Test("an exception gives the end of the traceback, and the kernel stays usable")
  func exceptions() throws {
    let source = "def run(x, factor, y):\n    if factor < 0:\n        raise ValueError('negative')\n    y[0, 0] = 9\n"
    let kernel = try builder.build(try Fixtures.python(source), for: scale, in: context)
    let error = failure { _ = try Fixtures.scaled(kernel, by: -1) }
    #expect(error?.code == .runFailed && error?.definition == "scale_d3" && error?.solution == "mine")
    #expect(
      error?.reason.contains("ValueError: negative") == true && error?.reason.contains("main.py\", line 3") == true)
    #expect(error?.reason.contains("in call") == false)
    #expect(try Fixtures.scaled(kernel)[0] == 9)
    #expect(try runFailure("raise ValueError('\\udc80 is half a pair')")?.reason.contains("? is half a pair") == true)
    #expect(try runFailure("sys.exit(3)")?.reason.contains("SystemExit: 3") == true)
  }

  @Test("a process that exits, crashes or hangs is an error, and the next build works")
  func ends() throws {
    let builder = own
    let innocent = try builder.build(
      try Fixtures.python("def run(x, factor, y):\n    y[0, 0] = 7\n"), for: scale, in: context)
    #expect(try Fixtures.scaled(innocent)[0] == 7)
    let exit = try runFailure("print('goodbye', file=sys.stderr); os._exit(3)", builder)
    #expect(exit?.code == .runFailed && exit?.reason.contains("exit status 3") == true)
    #expect(exit?.reason.contains("goodbye") == true)
    // Its process is gone, although it did nothing.
    let gone = failure { _ = try Fixtures.scaled(innocent) }
    #expect(gone?.reason.contains("is gone (the process ended: exit status 3") == true)
    #expect(gone?.reason.contains("build the kernel again") == true)
    #expect(try runFailure("os.kill(os.getpid(), 11)", builder)?.reason.contains("signal 11") == true)
    #expect(try runFailure("import ctypes; ctypes.string_at(0)", builder)?.reason.contains("signal 11") == true)
    let again = try builder.build(
      try Fixtures.python("def run(x, factor, y):\n    y[0, 0] = 7\n"), for: scale, in: context)
    #expect(try Fixtures.scaled(again)[0] == 7)
    // Also while another runs.
    let replaced = failure { _ = try Fixtures.scaled(innocent) }
    #expect(replaced?.reason.contains("is gone (the process ended: signal 11") == true, "\(replaced?.reason ?? "")")
  }

  @Test("a call that hangs is ended in time, and the next build works")
  func hangs() throws {
    let impatient = PythonBuilder(cache: ArtifactCache(root: folder.path), callLimit: .milliseconds(200))
    let endless = try Fixtures.python("def run(x, factor, y):\n    while factor > 0: pass\n")
    let kernel = try impatient.build(endless, for: scale, in: context)
    #expect(failure { _ = try Fixtures.scaled(kernel) }?.reason.contains("did not answer within 0.2 seconds") == true)
    _ = try impatient.build(endless, for: scale, in: context)
  }

  @Test("an import that ends the process, or hangs, is an error of the build")
  func deadlyImports() throws {
    let exit = try buildFailure("import os\nos._exit(5)\n", own)
    #expect(exit?.code == .buildFailed && exit?.reason.contains("exit status 5") == true)
    let impatient = PythonBuilder(cache: ArtifactCache(root: folder.path), buildLimit: .milliseconds(500))
    let endless = try Fixtures.python("import time\nwhile True: time.sleep(1)\n")
    let hang = failure { _ = try impatient.build(endless, for: scale, in: context) }
    #expect(hang?.code == .buildFailed && hang?.reason.contains("did not answer within 0.5 seconds") == true)
  }

  @Test("results of wrong number or shape are errors that name the output")
  func results() throws {
    #expect(
      try runFailure("return (x, x)", destination: false)?.reason.contains("returned 2 values, expected 1") == true)
    #expect(try runFailure("return ()", destination: false)?.reason.contains("returned 0 values, expected 1") == true)
    #expect(try runFailure("return {'z': x}", destination: false)?.reason == "the result has no y")
    #expect(try runFailure("return [1.0, 2.0]", destination: false)?.reason.contains("y has") == true)
    #expect(try runFailure("return 'text'", destination: false)?.code == .runFailed)
  }

  @Test("floods of output on standard error do not stop a call")
  func flood() throws {
    let source = "import sys\ndef run(x, factor, y):\n    sys.stderr.write('x' * 1000000)\n    y[0, 0] = 1\n"
    let kernel = try builder.build(try Fixtures.python(source), for: scale, in: context)
    for _ in 0..<2 { #expect(try Fixtures.scaled(kernel)[0] == 1) }
  }

  @Test("paths that leave the folder never become a solution")
  func paths() {
    for path in ["../main.py", "a/../../main.py", "/tmp/main.py"] {
      #expect(throws: SchemaError.self) {
        try Fixtures.solution(.python, [(path, "def run(): pass\n")], entry: path + "::run")
      }
    }
  }

  @Test("says what it cannot run, and why")
  func unavailable() throws {
    let absent = PythonBuilder(cache: ArtifactCache(root: folder.path), python: "no-such-python")
    guard case .unavailable(let reason) = absent.availability(on: .cpu) else { Issue.record("available"); return }
    #expect(reason.contains("no-such-python"))
    let solution = try Fixtures.python("def run(x, factor, y):\n    pass\n")
    #expect(failure { _ = try absent.build(solution, for: scale, in: context) }?.code == .buildFailed)
    let needsTorch = try Fixtures.python("def run(x, factor, y):\n    pass\n", dependencies: ["torch>=2.0"])
    let expected = Availability.unavailable(because: "it needs torch, which python3 does not have: pip install torch")
    #expect(builder.availability(of: needsTorch, on: .cpu) == (Tools.torch ? .available : expected))
    #expect(builder.availability(of: solution, on: .cpu) == .available)
    #expect(builder.availability(of: solution, on: .cuda(ordinal: 0)) != .available)
    let text = try Fixtures.solution(.python, [("main.txt", "def run(): pass\n")], entry: "main.txt::run")
    #expect(failure { _ = try builder.build(text, for: scale, in: context) }?.reason.contains("end in .py") == true)
  }
}
