import KernelRuntime
import Tensors
import Testing
import Traces

@Suite("The C++ builder", .enabled(if: Tools.cpp, "there is neither clang++ nor g++"))
struct CPPBuilderTests {
  private let folder = TemporaryFolder()
  private let context = BindContext(device: .cpu)
  private var builder: CPPBuilder { CPPBuilder(cache: ArtifactCache(root: folder.path + "/cache")) }

  private func failure(of solution: Solution, _ builder: CPPBuilder? = nil) -> KernelError? {
    KernelRuntimeTests.failure {
      _ = try (builder ?? self.builder).build(solution, for: try Fixtures.scale(), in: context)
    }
  }

  @Test("compiles a solution and calls it")
  func right() throws {
    let kernel = try builder.build(try Fixtures.cpp(), for: try Fixtures.scale(), in: context)
    #expect(try Fixtures.scaled(kernel) == [2, 4, 6, 8, 10, 12])
  }

  @Test("passes rows that lie apart with their strides, and copies nothing")
  func strides() throws {
    let kernel = try builder.build(try Fixtures.cpp(), for: try Fixtures.scale(), in: context)
    let x = Tensor((0..<8).map(Float.init), [2, 4]), y = Tensor(.float32, [2, 5])
    try kernel.run(
      [.tensor(x.narrow(1, from: 1, count: 3)), .scalar(3), .tensor(y.narrow(1, from: 0, count: 3))],
      on: CPUStream(threads: 1))
    #expect(y.floats == [3, 6, 9, 0, 0, 15, 18, 21, 0, 0])
  }

  @Test("refuses pages that lie apart, which a library need not know of")
  func pagesApart() throws {
    let definition = try Fixtures.scale(tags: ["strided_pages:x"])
    let kernel = try builder.build(try Fixtures.cpp(), for: definition, in: context)
    #expect(try Fixtures.scaled(kernel) == [2, 4, 6, 8, 10, 12])
    let wide = Tensor(.float32, [2, 4]).narrow(1, from: 1, count: 3), y = Tensor(.float32, [2, 3])
    let error = #expect(throws: KernelError.self) {
      try kernel.run([.tensor(wide), .scalar(3), .tensor(y)], on: CPUStream(threads: 1))
    }
    #expect(error?.code == .signatureMismatch)
    #expect(error?.reason.hasPrefix("x has pages 4 elements apart for the shape [2, 3]") == true)
  }

  @Test("puts inputs held constant at their places")
  func constants() throws {
    let kernel = try builder.build(
      try Fixtures.cpp(), for: try Fixtures.scale(),
      in: BindContext(device: .cpu, constants: ["x": Tensor([1.0, 2, 3], [1, 3])]))
    let y = Tensor(.float32, [1, 3])
    try kernel.run([.scalar(5), .tensor(y)], on: CPUStream(threads: 1))
    #expect(y.floats == [5, 10, 15])
  }

  @Test("passes element types as DLPack numbers them, and scalars as the definition types them")
  func kinds() throws {
    let expected: [(DType, Int, Int)] = [
      (.float32, 2, 32), (.float16, 2, 16), (.bfloat16, 4, 16), (.float8_e4m3fn, 10, 8), (.float8_e5m2, 12, 8),
      (.int64, 0, 64), (.int32, 0, 32), (.int16, 0, 16), (.int8, 0, 8), (.bool, 6, 8),
    ]
    // Writes code, bits and what kind the scalar has into the first bytes of y.
    let solution = try Fixtures.cpp(
      """
      auto *x = (Tensor *)arguments[0].pointer, *y = (Tensor *)arguments[2].pointer;
      auto *out = (uint8_t *)y->data;
      out[0] = x->dtype.code; out[1] = x->dtype.bits;
      out[2] = arguments[1].type == 3 ? (uint8_t)(arguments[1].number * 2) : 100 + (uint8_t)arguments[1].integer;
      """)
    let builder = builder
    for (dtype, code, bits) in expected {
      for (factor, value, told) in [(DType.float32, 1.5, 3), (.int32, 7, 107), (.bool, 1, 101)] {
        let kernel = try builder.build(solution, for: try Fixtures.scale(dtype, factor: factor), in: context)
        let y = Tensor(dtype, [1, 3])
        try kernel.run([.tensor(Tensor(dtype, [1, 3])), .scalar(value), .tensor(y)], on: CPUStream(threads: 1))
        let bytes = UnsafeRawBufferPointer(start: y.pointer, count: 3).map(Int.init)
        #expect(bytes == [code, bits, told], "\(dtype) with a scalar \(factor)")
      }
    }
  }

  @Test("a kernel that returns an error gives its text")
  func kernelError() throws {
    let solution = try Fixtures.cpp("problem = \"the moon is in the wrong place\"; return -7;")
    let kernel = try builder.build(solution, for: try Fixtures.scale(), in: context)
    let error = KernelRuntimeTests.failure { _ = try Fixtures.scaled(kernel) }
    #expect(error?.code == .runFailed && error?.solution == "mine" && error?.definition == "scale_d3")
    #expect(error?.reason == "the kernel returned -7: the moon is in the wrong place")
  }

  @Test("a fractional scalar for an integer, and arguments of wrong number or kind, are refused before the call")
  func arguments() throws {
    let kernel = try builder.build(try Fixtures.cpp(), for: try Fixtures.scale(factor: .int32), in: context)
    let x = Tensor(.float32, [1, 3]), stream = CPUStream(threads: 1)
    let calls: [([KernelArgument], String)] = [
      ([.tensor(x), .scalar(1.5), .tensor(x)], "factor is 1.5, expected an integer"),
      ([.tensor(x), .scalar(.nan), .tensor(x)], "factor is nan"),
      ([.tensor(x), .scalar(1)], "2 arguments, expected 3: x, factor, y"),
      ([.tensor(x), .tensor(x), .tensor(x)], "factor is a scalar, found a tensor"),
      ([.scalar(1), .scalar(1), .tensor(x)], "x is a tensor, found a scalar"),
      ([.tensor(Tensor(.int8, [1, 3])), .scalar(1), .tensor(x)], "x is int8, expected float32"),
      ([.tensor(x), .scalar(1), .tensor(Tensor(.float32, [3]))], "y has shape [3], expected 2 axes"),
    ]
    for (arguments, expected) in calls {
      let error = KernelRuntimeTests.failure { try kernel.run(arguments, on: stream) }
      #expect(error?.code == .signatureMismatch && error?.reason.contains(expected) == true, "\(expected)")
    }
  }

  @Test("a syntax error gives the compiler's first lines")
  func syntaxError() throws {
    let error = failure(of: try Fixtures.cpp("float x = ;"))
    #expect(error?.code == .buildFailed && error?.solution == "mine")
    #expect(error?.reason.contains("main.cpp:") == true && error?.reason.contains("error: expected") == true)
  }

  @Test("a missing symbol is named")
  func missingSymbol() throws {
    let solution = try Fixtures.cpp()
    let renamed = try solution.with(
      spec: BuildSpec(language: .cpp, targetHardware: ["cpu"], entryPoint: "main.cpp::walk"))
    #expect(failure(of: renamed)?.reason.contains("exports no __tvm_ffi_walk") == true)
  }

  @Test("a symbol that nobody defines is named when the library is loaded")
  func undefined() throws {
    let solution = try Fixtures.solution(
      .cpp, [("a.cpp", "extern \"C\" int nowhere(); extern \"C\" int __tvm_ffi_run() { return nowhere(); }")],
      entry: "a.cpp::run")
    #expect(failure(of: solution)?.reason.contains("nowhere") == true)
  }

  @Test("several sources, headers in folders, and names that look like options")
  func severalFiles() throws {
    let main =
      Fixtures.abi + "#include \"parts/factor.h\"\nEXPORT int __tvm_ffi_run(void *, const Any *a, int32_t, Any *) {"
      + " ((float *)((Tensor *)a[2].pointer)->data)[0] = factor(); return 0; }\n"
    let solution = try Fixtures.solution(
      .cpp,
      [
        ("-main.cpp", main), ("parts/factor.h", "float factor();\n"),
        ("parts/factor.cc", "#include <given.h>\n#include \"factor.h\"\nfloat factor() { return GIVEN; }\n"),
      ], entry: "-main.cpp::run")
    let builder = CPPBuilder(
      cache: ArtifactCache(root: folder.path), headers: [SourceFile(path: "given.h", content: "#define GIVEN 42\n")])
    let kernel = try builder.build(solution, for: try Fixtures.scale(), in: context)
    #expect(try Fixtures.scaled(kernel)[0] == 42)
  }

  /// A compiler that writes a line to a file each time it compiles.
  private func counted(_ cache: ArtifactCache) throws -> CPPBuilder {
    let script = folder.write(
      """
      #!/bin/sh
      case "$1" in --version) echo "counting 1.0"; exit 0;; esac
      echo compiled >> "\(folder.path)/log"
      if command -v clang++ > /dev/null; then exec clang++ "$@"; else exec g++ "$@"; fi

      """, to: "compiler", executable: true)
    return CPPBuilder(cache: cache, compilers: [script])
  }

  @Test("compiles once: the same builder, another one, and after damage again")
  func caching() throws {
    let root = folder.path + "/cache", solution = try Fixtures.cpp()
    let first = try counted(ArtifactCache(root: root))
    let compiled = try first.compile(solution)
    #expect(!compiled.isFromCache)
    #expect(try first.compile(solution).isFromCache)
    #expect(try counted(ArtifactCache(root: root)).compile(solution).isFromCache)
    #expect(folder.lines(of: "log").count == 1)
    // Replaced, not written into: it is loaded in this process.
    try runShell("echo rubbish > \"$1\".new && mv \"$1\".new \"$1\"", compiled.path)
    let after = try counted(ArtifactCache(root: root))
    #expect(try !after.compile(solution).isFromCache)
    #expect(folder.lines(of: "log").count == 2)
    #expect(try Fixtures.scaled(try after.build(solution, for: try Fixtures.scale(), in: context))[5] == 12)
  }

  @Test("a failed compilation is not tried again by the same builder")
  func rememberedFailure() throws {
    let builder = try counted(ArtifactCache(root: folder.path + "/cache")), solution = try Fixtures.cpp("nonsense;")
    let first = failure(of: solution, builder), second = failure(of: solution, builder)
    #expect(first != nil && first == second)
    #expect(folder.lines(of: "log").count == 1)
  }

  @Test("two threads with nothing in common but the disk compile once")
  func concurrency() async throws {
    let root = folder.path + "/cache", solution = try Fixtures.cpp()
    let builders = [try counted(ArtifactCache(root: root)), try counted(ArtifactCache(root: root))]
    let answers = try await withThrowingTaskGroup(of: CompiledSolution.self) { group in
      for builder in builders { group.addTask { try builder.compile(solution) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers.map(\.isFromCache).sorted { !$0 && $1 } == [false, true])
    #expect(folder.lines(of: "log").count == 1)
  }

  @Test("a compiler that does not end is ended")
  func hangingCompiler() throws {
    let script = folder.write(
      "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 1; else sleep 100; fi\n", to: "slow", executable: true)
    let builder = CPPBuilder(
      cache: ArtifactCache(root: folder.path), compilers: [script], limit: .milliseconds(200))
    #expect(failure(of: try Fixtures.cpp(), builder)?.reason.contains("did not end within") == true)
  }

  @Test("says what it cannot build, and why")
  func unavailable() throws {
    let files = [("main.cpp", "int x;\n")], builder = builder
    func reason(_ solution: Solution, _ device: Device = .cpu, _ other: CPPBuilder? = nil) -> String {
      guard case .unavailable(let reason) = (other ?? builder).availability(of: solution, on: device) else { return "" }
      return reason
    }
    func make(_ hardware: [String], destination: Bool = true, binding: Binding? = nil) throws -> Solution {
      try Fixtures.solution(
        .cpp, files, entry: "main.cpp::run", hardware: hardware, destination: destination, binding: binding)
    }
    for hardware in [["cpu"], ["LOCAL"], ["NVIDIA_H100", "CPU"], ["x86_64"], ["AMD EPYC 9554"], ["aarch64"]] {
      #expect(builder.availability(of: try make(hardware), on: .cpu) == .available, "\(hardware)")
    }
    #expect(reason(try make(["NVIDIA_H100"])).hasPrefix("made for NVIDIA_H100"))
    #expect(reason(try make(["cuda", "sm90"])).hasPrefix("made for cuda, sm90"))
    #expect(reason(try make(["cpu"], destination: false)).contains("destination_passing_style"))
    #expect(reason(try make(["cpu"], binding: .torch)).contains("its binding is torch"))
    #expect(reason(try make(["cpu"]), .cuda(ordinal: 0)).contains("not on cuda:0"))
    let none = CPPBuilder(cache: ArtifactCache(root: folder.path), compilers: ["no-such-compiler"])
    #expect(reason(try make(["cpu"]), .cpu, none) == "no C++ compiler: there is no no-such-compiler")
    #expect(failure(of: try make(["cpu"]), none)?.code == .buildFailed)
    let header = try Fixtures.solution(.cpp, [("main.h", "int x;")], entry: "main.h::run")
    #expect(reason(header).contains("no .cpp"))
    let typed = try Fixtures.solution(
      .cpp, [("main.cpp", "#include <tvm/ffi/tvm_ffi.h>\n")], entry: "main.cpp::run")
    let bare = CPPBuilder(cache: ArtifactCache(root: folder.path), python: "no-such-python")
    #expect(reason(typed, .cpu, bare).contains("pip install apache-tvm-ffi"))
  }

  @Test("an output that is a host scalar, and a constant that is no input, are refused")
  func impossibleDefinitions() throws {
    let scalar = try Definition(
      name: "scale_d3", opType: "scale", axes: ["n": .var], inputs: ["x": .tensor("n", dtype: .float32)],
      outputs: ["y": .scalar(.float32)], reference: "def run(x):\n    return 0\n")
    let builder = builder, solution = try Fixtures.cpp()
    let first = KernelRuntimeTests.failure { _ = try builder.build(solution, for: scalar, in: context) }
    #expect(first?.reason.contains("the output y is a host scalar") == true && first?.solution == "mine")
    let constants = BindContext(device: .cpu, constants: ["factor": Tensor([1.0], [1])])
    let second = KernelRuntimeTests.failure {
      _ = try builder.build(solution, for: try Fixtures.scale(), in: constants)
    }
    #expect(second?.reason.contains("factor is held constant, but the tensor inputs are x") == true)
  }

  @Test(
    "builds against the typed interface of apache-tvm-ffi, and hands on what it throws",
    .enabled(if: Tools.tvmFFI, "the Python package apache-tvm-ffi is not installed"))
  func typedInterface() throws {
    let source = """
      #include <tvm/ffi/container/tensor.h>
      #include <tvm/ffi/error.h>
      #include <tvm/ffi/function.h>
      static void scale(tvm::ffi::TensorView x, double factor, tvm::ffi::TensorView y) {
        if (factor < 0) TVM_FFI_THROW(ValueError) << "negative: " << factor;
        for (int64_t i = 0; i < x.size(0) * x.size(1); i++)
          static_cast<float *>(y.data_ptr())[i] = static_cast<float *>(x.data_ptr())[i] * factor;
      }
      TVM_FFI_DLL_EXPORT_TYPED_FUNC(run, scale);

      """
    let solution = try Fixtures.solution(.cpp, [("main.cpp", source)], entry: "main.cpp::run", binding: .tvmFFI)
    let kernel = try builder.build(solution, for: try Fixtures.scale(), in: context)
    #expect(try Fixtures.scaled(kernel) == [2, 4, 6, 8, 10, 12])
    let error = KernelRuntimeTests.failure { _ = try Fixtures.scaled(kernel, by: -1) }
    #expect(error?.reason.contains("ValueError: negative: -1") == true, "\(error?.reason ?? "no error")")
  }
}
