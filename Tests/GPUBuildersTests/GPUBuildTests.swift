import KernelRuntime
import Tensors
import Testing
import Traces

@Suite("Building kernels for GPUs", .enabled(if: Toolchain.all)) struct GPUBuildTests {
  private let folder = TemporaryFolder()

  private func builder(_ text: String, as place: String = "cuda/scale.cu") -> GPUKernelBuilder {
    folder.write(text, to: "Kernels/scale/\(place)")
    return Scale.builder(folder, Scale.link(folder))
  }

  private func refusal(_ text: String, as place: String = "cuda/scale.cu") throws -> String {
    let builder = builder(text, as: place), language = place.prefix { $0 != "/" }
    let source = try #require(
      builder.sources.sources.first { $0.language.rawValue == language }, "\(builder.sources.problems)")
    let error = failure { _ = try builder.artifact(source, for: Scale.definition(), target: "sm_80") }
    #expect(error?.code == .buildFailed && error?.definition == "scale_w100")
    return error?.reason ?? "nothing"
  }

  @Test("makes an image and a record for each language and target, once")
  func build() throws {
    let builder = Scale.builder(folder, Scale.room(in: folder))
    let tasks = builder.tasks([try Scale.definition(.bfloat16)], targets: ["sm_80", "sm_90a"])
    #expect(tasks.count == 6)
    let reports = builder.build(tasks, jobs: 2)
    #expect(reports.count == 6)
    for report in reports {
      guard case .built(let artifact) = report.outcome else {
        Issue.record("\(report.solution) \(report.target): \(report.outcome)")
        continue
      }
      let record = artifact.record
      #expect(record.solution == "scale_\(report.language)" && record.target == report.target)
      #expect(record.launches.count == 1 && record.launches[0].grid[0].text == "rows")
      #expect(Set(record.launches[0].parameters.map(\.name)).isSuperset(of: ["x", "y", "factor"]))
      #expect(record.constants.map(\.name) == ["width"])
      #expect(record.resources.count == 1 && record.resources[0].registers > 5 && record.resources[0].spillStores == 0)
      #expect(record.sharedBytes(of: record.resources[0]) != nil)
    }
    let again = builder.build(tasks, jobs: 1)
    #expect(again.allSatisfy { $0.artifact?.isFromCache == true })
    #expect(again.map(\.artifact?.folder) == reports.map(\.artifact?.folder))

    // A change of the source or of the definition is another artifact.
    folder.write(Scale.cuda + "// more\n", to: "Kernels/scale/cuda/scale.cu")
    let changed = Scale.builder(folder, KernelSourceFolder(root: folder.path + "/Kernels"))
    let cuda = changed.tasks([try Scale.definition(.bfloat16)], targets: ["sm_80"]) { $0.language == .cuda }
    #expect(changed.cachedArtifact(cuda[0].source, for: cuda[0].definition, target: "sm_80") == nil)

    // Copied elsewhere they are found without sources.
    for report in reports { try report.artifact?.copy(to: folder.path + "/out") }
    let kept = KernelArtifactFolder(root: folder.path + "/out")
    #expect(kept.count == 6 && kept.problems.isEmpty)
    #expect(
      GPUKernels(builder: nil, artifacts: kept).solutions.map(\.name).sorted() == [
        "scale_cuda", "scale_tilelang", "scale_triton",
      ])
  }

  @Test("refuses a kernel that spills registers, unless its header says why")
  func spills() throws {
    let body = """
      extern "C" __global__ void __launch_bounds__(1024, 2) scale(const float* x, float factor, float* y, int rows) {
        float a[64];
      #pragma unroll
        for (int i = 0; i < 64; ++i) a[i] = x[threadIdx.x + 1024 * i] * factor;
        __syncthreads();
      #pragma unroll
        for (int i = 0; i < 64; ++i) y[threadIdx.x * 64 + i] = a[i] * a[63 - i];
      }

      """
    let header = "// operation: scale\n// takes: x, factor -> y\n// launch: scale   grid = 1   block = 1024\n"
    let reason = try refusal(header + body)
    #expect(reason.contains("scale spills registers for sm_80") && reason.contains("bytes are stored"), "\(reason)")
    let excused = builder(header + "// spills: allowed, this is a test\n" + body, as: "cuda/scale.cu")
    let artifact = try excused.artifact(excused.sources.sources[0], for: Scale.definition(), target: "sm_80")
    #expect(artifact.record.resources[0].spillStores > 0)
  }

  @Test("refuses a parameter that names nothing, and one of a wrong type")
  func parameters() throws {
    let unknown = try refusal(Scale.cuda.replacing("int rows)", with: "int lines)"))
    #expect(
      unknown.contains("scale has a parameter lines, which names nothing that can be passed; there are x, y"),
      "\(unknown)")
    let wrong = try refusal(Scale.cuda.replacing("float factor", with: "int factor"))
    #expect(wrong.contains("scale takes factor as i32, expected f32 or f64"), "\(wrong)")
    let absent = try refusal(Scale.cuda.replacing("launch: scale", with: "launch: skale"))
    #expect(absent.contains("there is no extern \"C\" __global__ function skale"), "\(absent)")
    let triton = try refusal(
      Scale.triton.replacing("y, factor, WIDTH", with: "y, faktor, WIDTH").replacing("* factor", with: "* faktor"),
      as: "triton/scale.py")
    #expect(triton.contains("a parameter faktor"), "\(triton)")
  }

  @Test("says where a source is wrong")
  func errors() throws {
    let cuda = try refusal(Scale.cuda.replacing("* factor", with: "* fctor"))
    #expect(cuda.contains("scale.cu(") && cuda.contains("fctor"), "\(cuda)")
    let triton = try refusal(Scale.triton.replacing("tl.load(x", with: "tl.lood(x"), as: "triton/scale.py")
    #expect(triton.contains("lood"), "\(triton)")
    let plan = try refusal(Scale.triton.replacing("def plan(c)", with: "def plam(c)"), as: "triton/scale.py")
    #expect(plan.contains("no function plan(c)"), "\(plan)")
  }

  @Test("finds a record whose parameters are not the image's")
  func mismatch() throws {
    let builder = builder(Scale.cuda)
    let artifact = try builder.artifact(builder.sources.sources[0], for: Scale.definition(), target: "sm_80")
    var record = artifact.record
    record.launches[0].parameters.swapAt(0, 1)
    let error = failure { try GPUKernelBuilder.checkParameters(record, in: artifact.folder) }
    #expect(error?.reason.contains("parameters[0]") == true, "\(error?.reason ?? "nothing")")
  }

  @Test("reads parameters behind conditions and macros as the compiler does")
  func conditions() throws {
    let text = """
      // operation: scale
      // takes: x, factor, bias? -> y
      // launch: scale   grid = rows   block = 1
      #include "elements.cuh"
      #define PARAMETERS \\
        const X_T* x, float factor, \\
        Y_T* y
      extern "C" __global__ void __launch_bounds__(WIDTH) scale(PARAMETERS,
      #if defined(HAS_BIAS) && WIDTH > 10
          const float* bias,
      #elif WIDTH == 100
          int width,  // not a macro
      #endif
          long long x_stride_0) {}

      """
    let builder = builder(text)
    let artifact = try builder.artifact(builder.sources.sources[0], for: Scale.definition(), target: "sm_80")
    #expect(artifact.record.launches[0].parameters.map(\.name) == ["x", "factor", "y", "width", "x_stride_0"])
    #expect(artifact.record.launches[0].parameters.map(\.kind) == [.pointer, .f32, .pointer, .i32, .i64])
  }
}
