import Glibc
import Kernels
import Tensors
import Testing
import Traces

@testable import KernelRuntime

/// FlashInfer's modules, built ahead of time from its wheel, called from Swift. Their kernels need a GPU; what they say to
/// wrong arguments does not.
@Suite struct FlashInferTests {
  /// Where `make flashinfer` puts them, or nil with a printed reason.
  private static let modules: FlashInferModules? = {
    let home = getenv("HOME").map { String(cString: $0) } ?? "/root"
    let folder =
      getenv("SWIFTLET_FLASHINFER").map { String(cString: $0) } ?? home
      + "/.cache/swiftlet/flashinfer/0.7.2.post1-sm_90a"
    let modules = FlashInferModules(folder: folder)
    if modules.modules["norm"] != nil { return modules }
    print("SKIPPED: FlashInfer's modules are not in \(folder); `make flashinfer` builds them")
    return nil
  }()
  private static var areThere: Bool { modules != nil }

  /// What a function says to arguments.
  private func answer(_ module: String, _ name: String, _ arguments: [FFIArgument]) throws -> String {
    let function = try FFIFunction(#require(Self.modules).library(module), name)
    let error = #expect(throws: KernelError.self) { _ = try function.call(arguments) }
    #expect(error?.code == .runFailed)
    return error?.reason ?? ""
  }

  @Test("norm says how many arguments it takes, and of which types", .enabled(if: areThere))
  func norm() throws {
    let few = try answer("norm", "rmsnorm", [.tensor(Tensor(.bfloat16, [2, 8]))])
    #expect(few.contains("TypeError") && few.contains("rmsnorm(0: DLTensor*"), "\(few)")
    let mistyped = try answer("norm", "rmsnorm", [.int(1), .int(2), .int(3), .float(1e-6), .bool(false)])
    #expect(mistyped.contains("Mismatched type on argument #") && mistyped.contains("DLTensor*"), "\(mistyped)")
    let onHost = Tensor(.bfloat16, [2, 8]), weight = Tensor(.bfloat16, [8])
    let host = try answer(
      "norm", "rmsnorm", [.tensor(onHost), .tensor(onHost), .tensor(weight), .float(1e-6), .bool(false)])
    #expect(host.contains("CUDA"), "\(host)")
  }

  @Test("page refuses tensors in the processor's memory by name", .enabled(if: areThere))
  func page() throws {
    let rows = Tensor(.bfloat16, [3, 2, 64]), numbers = Tensor(.int32, [3]), cache = Tensor(.bfloat16, [4, 16, 2, 64])
    let said = try answer(
      "page", "append_paged_kv_cache",
      [
        .tensor(rows), .tensor(rows), .tensor(numbers), .tensor(numbers), .tensor(cache), .tensor(cache),
        .tensor(numbers),
        .tensor(numbers), .tensor(numbers), .int(0),
      ])
    #expect(said.contains("must be a CUDA tensor"), "\(said)")
  }

  @Test("batch decode refuses a plan for two head dimensions", .enabled(if: areThere))
  func decode() throws {
    let bytes = Tensor(.int8, [1024]), indptr = Tensor([Int32(0), 1], [2]), empty = Tensor(.bfloat16, [0])
    let said = try answer(
      "batch_decode_bfloat16_d128", "plan",
      [
        .tensor(bytes), .tensor(bytes), .tensor(bytes), .tensor(indptr), .int(1), .int(8), .int(8), .int(16),
        .bool(false),
        .int(-1), .float(0), .int(128), .int(64), .tensor(empty), .tensor(empty),
      ])
    #expect(said.contains("equal head dim for QK and VO"), "\(said)")
    let few = try answer("batch_decode_bfloat16_d128", "run", [])
    #expect(few.contains("run(0: DLTensor*"), "\(few)")
  }

  @Test("a function or a module that is not there is named", .enabled(if: areThere))
  func absent() throws {
    let modules = try #require(Self.modules)
    #expect(throws: KernelError.self) { try FFIFunction(modules.library("norm"), "softmax") }
    let error = #expect(throws: KernelError.self) { try modules.library("sampling") }
    #expect(error?.reason.contains("there is no module sampling") == true)
  }

  @Test("the backend is offered on a CUDA device only, for what it computes", .enabled(if: areThere))
  func availability() throws {
    let solutions = FlashInferSolutions.all(try #require(Self.modules), capability: 90)
    let solution = try #require(solutions.first { $0.name == "rmsnorm_flashinfer" })
    let half = RMSNorm.definition(hiddenSize: 4096, dtype: .bfloat16), float = RMSNorm.definition(hiddenSize: 4096)
    func reason(_ definition: Definition, _ device: Device) -> String? {
      if case .unavailable(let reason) = solution.availability(definition, BindContext(device: device)) {
        reason
      } else {
        nil
      }
    }
    #expect(reason(half, .cuda(ordinal: 0)) == nil)
    #expect(reason(half, .cpu)?.contains("CUDA device only") == true)
    #expect(reason(float, .cuda(ordinal: 0))?.contains("not float32") == true)
    let other = FlashInferSolutions.all(try #require(Self.modules), capability: 80)
    guard case .unavailable(let refusal) = other[0].availability(half, BindContext(device: .cuda(ordinal: 0))) else {
      Issue.record("a module for sm_90a is offered on sm_80")
      return
    }
    #expect(refusal.contains("built for sm_90a, the device is sm_80"))
  }
}

/// Without the modules the reasons say how to get them.
@Suite struct AbsentFlashInferTests {
  @Test("a folder without modules offers none, and says how to build them")
  func reasons() {
    let solutions = FlashInferSolutions.all(FlashInferModules(folder: "/nonexistent"))
    #expect(solutions.map(\.flavor.rawValue) == ["flashinfer", "flashinfer", "flashinfer", "flashinfer"])
    let definition = RMSNorm.definition(hiddenSize: 4096, dtype: .bfloat16)
    guard
      case .unavailable(let reason) = solutions[0].availability(definition, BindContext(device: .cuda(ordinal: 0)))
    else {
      Issue.record("offered without modules")
      return
    }
    #expect(reason.contains("make flashinfer"))
  }
}
