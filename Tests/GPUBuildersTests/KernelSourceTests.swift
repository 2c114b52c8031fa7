import KernelRuntime
import Tensors
import Testing
import Traces

@Suite("A kernel's source") struct KernelSourceTests {
  private func source(_ text: String, language: String = "cuda") throws(KernelSourceError) -> KernelSource {
    try KernelSource(path: "Kernels/scale/\(language)/scale.\(language == "cuda" ? "cu" : "py")", text: text)
  }

  private func problem(_ text: String, language: String = "cuda") -> String? {
    do throws(KernelSourceError) {
      _ = try source(text, language: language)
      return nil
    } catch { return "\(error)" }
  }

  @Test("says in its header what it takes and what is launched")
  func header() throws {
    let source = try source(
      """
      // operation: gqa_paged
      // takes: q, k_cache, k_scale?, sm_scale -> output
      // types: q, output = bfloat16, float16
      // types: k_cache = bfloat16, float8_e4m3fn
      // requires: head_dim % 16 == 0 and head_dim <= 256
      // tags: window, soft_cap
      // targets: sm_90a
      // let: splits = max(1, min(32, ceildiv(2 * sm_count, batch_size)))
      // scratch: partial = batch_size * splits * 4
      // launch: split   grid = batch_size, heads, splits   block = 128   shared = 2 * 64 * head_dim * 2   pdl
      // launch: merge   grid = batch_size   block = 32   when = splits > 1   cluster = 2
      // tensor_map: k_map = k_cache   extents = head_dim, pages   strides = head_dim * 2   box = 64, 16   swizzle = 128
      //
      // Prose: with a colon.
      int x;
      """)
    #expect(source.name == "scale_cuda" && source.room == "scale" && source.language == .cuda)
    let header = source.header, plan = header.plan
    #expect(
      header.operation == "gqa_paged" && header.argumentNames == ["q", "k_cache", "k_scale", "sm_scale", "output"])
    #expect(header.inputs.filter(\.isOptional).map(\.name) == ["k_scale"])
    #expect(header.types.map(\.name) == ["q", "output", "k_cache"] && header.types[1].value == [.bfloat16, .float16])
    #expect(header.tags == ["window", "soft_cap"] && header.targets == ["sm_90a"] && !header.isCompiledOnly)
    #expect(plan.lets.map(\.name) == ["splits"] && plan.scratch.map(\.value.text) == ["batch_size * splits * 4"])
    #expect(plan.launches.map(\.entry) == ["split", "merge"] && plan.launches[0].pdl && !plan.launches[1].pdl)
    #expect(plan.launches[0].grid.map(\.text) == ["batch_size", "heads", "splits"])
    #expect(plan.launches[0].shared.text == "2 * 64 * head_dim * 2")
    #expect(plan.launches[1].when?.text == "splits > 1" && plan.launches[1].cluster == [2, 1, 1])
    #expect(plan.tensorMaps[0].extents.count == 2 && plan.tensorMaps[0].swizzle == 128)
    #expect(source.codeLineCount == 1)
  }

  @Test(
    "that is wrong is refused with its line",
    arguments: [
      ("// operation: a\n// tekes: x -> y\n", ":2: there is no key \"tekes\"; there are operation, takes"),
      ("// operation: a\n// Some prose\n", ":2: \"Some prose\" is no key: value"),
      ("// operation: a\n// takes: x, y\n", ":2: takes has no \"->\""),
      ("// operation: a\n// takes: x, x -> y\n", ":2: takes names x twice"),
      ("// operation: a\n// operation: b\n", ":2: operation is there twice, first in line 1"),
      (
        "// operation: a\n// takes: x -> y\n// types: z = float32\n// launch: f grid = 1 block = 1\n",
        "types are given for z"
      ),
      ("// operation: a\n// takes: x -> y\n// types: x = float\n", ":3: \"float\" is no element type"),
      ("// operation: a\n// takes: x -> y\n// requires: n %% 2\n", ":3: \"n %% 2\", column"),
      ("// operation: a\n// takes: x -> y\n// tags: fast\n", ":3: no tag \"fast\" changes the meaning"),
      ("// operation: a\n// takes: x -> y\n// targets: hopper\n", ":3: \"hopper\" is no target"),
      ("// operation: a\n// takes: x -> y\n// launch: f   block = 1\n", ":3: launch: expected <function>"),
      ("// operation: a\n// takes: x -> y\n// launch: f   grid = 1, 2, 3, 4   block = 1\n", ":3: grid has 4 parts"),
      ("// operation: a\n// takes: x -> y\n// spills: yes\n", ":3: spills is \"yes\", expected: allowed, <why>"),
      ("// operation: a\n// takes: x -> y\n", "the header has no launch"),
      ("// takes: x -> y\n", "the header has no operation"), ("int x;\n", "the header has no operation"),
    ])
  func refusals(text: String, words: String) {
    let problem = problem(text)
    #expect(problem?.contains(words) == true, "\(problem ?? "nothing")")
    #expect(problem?.hasPrefix("Kernels/scale/cuda/scale.cu:") == true)
  }

  @Test("in Python has no launches in its header")
  func python() {
    #expect(problem("# operation: a\n# takes: x -> y\n", language: "triton") == nil)
    #expect(
      problem("# operation: a\n# takes: x -> y\n# let: a = 1\n", language: "tilelang")?.contains(
        "there is no key \"let\"")
        == true)
  }

  @Test("accepts the definitions that it is for, and says why others are not")
  func matching() throws {
    let source = try source(
      """
      // operation: scale
      // takes: x, factor, bias? -> y
      // types: x = float32, float16
      // requires: width % 4 == 0
      // tags: weight_offset
      // launch: f grid = 1 block = 1
      """)
    #expect(source.refusal(of: try Scale.definition()) == nil)
    #expect(source.refusal(of: try Scale.definition(tags: ["weight_offset:1", "status:verified"])) == nil)
    #expect(source.refusal(of: try Scale.definition(tags: ["window:128"])) == "knows nothing of the tag window:128")
    #expect(source.refusal(of: try Scale.definition(.bfloat16)) == "takes x as float32, float16, not bfloat16")
    #expect(source.refusal(of: try Scale.definition(width: 102)) == "requires width % 4 == 0, and width is 102")
    let other = try Scale.definition().with(opType: "gemm")
    #expect(source.refusal(of: other) == "computes scale, not gemm")
    let more = try Scale.definition().with(
      inputs: ["x": .tensor("rows", "width", dtype: .float32), "z": .scalar(.float32), "factor": .scalar(.float32)])
    #expect(source.refusal(of: more) == "takes the inputs (x, factor, bias?), not (x, z, factor)")
    #expect(source.refusal(of: "sm_90a") == nil)
  }

  @Test("is found by its folder; what cannot be read is told")
  func folder() {
    let folder = TemporaryFolder()
    folder.write("// nothing\n", to: "Kernels/broken/cuda/broken.cu")
    folder.write("__device__ int x;", to: "Kernels/scale/cuda/shared.cuh")
    let found = Scale.room(in: folder)
    #expect(found.sources.map(\.name) == ["scale_cuda", "scale_triton", "scale_tilelang"])
    #expect(found.sources[1].codeLineCount == 12)
    #expect(found.problems.map(\.line) == [1] && found.problems[0].file.hasSuffix("broken/cuda/broken.cu"))
  }
}

@Suite("The kernels toolchain") struct KernelToolchainTests {
  @Test("that is not there is named with what installs it")
  func absent() {
    let toolchain = KernelToolchain(root: "/nonexistent/venv")
    #expect(
      toolchain.problem(for: .cuda) == "there is no kernels toolchain at /nonexistent/venv: make kernels-toolchain")
    #expect(toolchain.problems.count == 1)
  }

  @Test("names the package that is missing, and one of another version")
  func incomplete() {
    let folder = TemporaryFolder()
    let packages = "lib/python3.11/site-packages"
    folder.write("", to: "bin/python")
    folder.write("", to: "\(packages)/triton-3.5.0.dist-info/METADATA")
    folder.write("", to: "\(packages)/nvidia_cuda_nvcc-13.0.88.dist-info/METADATA")
    let toolchain = KernelToolchain(root: folder.path + "/")
    #expect(toolchain.versions["triton"] == "3.5.0" && toolchain.versions["nvidia-cuda-nvcc"] == "13.0.88")
    #expect(
      toolchain.problem(for: .cuda)
        == "the kernels toolchain at \(folder.path) lacks the package nvidia-cuda-runtime 13.0.96: make kernels-toolchain"
    )
    #expect(toolchain.problem(for: .triton) == "\(folder.path) has no bin/python: make kernels-toolchain")
    #expect(
      toolchain.problems.contains(
        "triton is 3.5.0 in \(folder.path), and 3.6.0 is what this program was made with: make kernels-toolchain"))
  }
}
