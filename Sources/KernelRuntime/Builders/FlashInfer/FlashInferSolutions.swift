import Tensors
import Traces

/// The backend `flashinfer`: FlashInfer's own kernels for the definitions that they compute, on a CUDA device.
///
///     KernelLibrary(solutions: … + FlashInferSolutions.all(FlashInferModules(folder: path)), …)
///
/// One line of a policy makes them the choice: `rmsnorm: flashinfer`. Sources: FlashInfer's `norm.cu`, `page.cu` and
/// `batch_decode.cu` (https://github.com/flashinfer-ai/flashinfer), built by `Scripts/build_flashinfer.py`.
public enum FlashInferSolutions {
  /// - capability: of the devices, 80, 90 or 100; nil when it is not known yet.
  public static func all(_ modules: FlashInferModules, capability: Int? = nil) -> [KernelSolution] {
    func solution(
      _ operation: String, _ modules: FlashInferModules,
      refusal: @escaping @Sendable (Definition, FlashInferModules, Int?) -> String?,
      build: @escaping @Sendable (Definition, Device) throws(KernelError) -> any Kernel
    ) -> KernelSolution {
      Self.solution(operation, modules, refusal: { refusal($0, $1, capability) }, build: build)
    }
    return [
      solution("rmsnorm", modules, refusal: rmsNormRefusal) { definition, device throws(KernelError) in
        try FlashInferNorm(modules, definition, device, isFused: false)
      },
      solution("fused_add_rmsnorm", modules, refusal: rmsNormRefusal) { definition, device throws(KernelError) in
        try FlashInferNorm(modules, definition, device, isFused: true)
      },
      solution("kv_store", modules, refusal: keyValueRefusal) { definition, device throws(KernelError) in
        try FlashInferPageAppend(modules, definition, device)
      },
      solution("gqa_paged", modules, refusal: decodeRefusal) { definition, device throws(KernelError) in
        try FlashInferDecode(modules, definition, device)
      },
    ]
  }

  private static func solution(
    _ operation: String, _ modules: FlashInferModules,
    refusal: @escaping @Sendable (Definition, FlashInferModules) -> String?,
    build: @escaping @Sendable (Definition, Device) throws(KernelError) -> any Kernel
  ) -> KernelSolution {
    KernelSolution(
      operation: operation, definition: nil, name: "\(operation)_flashinfer", flavor: .flashInfer, author: "flashinfer",
      source: "flashinfer-python", isBatchInvariant: nil, needsCompilation: false,
      availability: { definition, context in
        guard case .cuda = context.device else { return .unavailable(because: "it runs on a CUDA device only") }
        if !context.constants.isEmpty { return .unavailable(because: "it takes all inputs in each call") }
        return refusal(definition, modules).map { .unavailable(because: $0) } ?? .available
      },
      build: { definition, context throws(KernelError) in try build(definition, context.device) })
  }

  // MARK: what each computes

  private static let halves: [DType] = [.bfloat16, .float16]

  private static func rmsNormRefusal(_ definition: Definition, _ modules: FlashInferModules, _ capability: Int?)
    -> String?
  {
    let names = definition.inputs.names
    guard names.contains("eps"), names.contains("weight"), let type = definition.inputs["hidden_states"]?.dtype else {
      return "takes hidden_states, weight and eps, not \(names.joined(separator: ", "))"
    }
    if !halves.contains(type) || definition.inputs["weight"]?.dtype != type {
      return "takes bfloat16 or float16, not \(type.rawValue)"
    }
    if definition.tags.contains(where: { $0.hasPrefix("weight_offset:") }) {
      return "does not understand the tag weight_offset"
    }
    return modules.refusal("norm", capability: capability)
  }

  private static func keyValueRefusal(_ definition: Definition, _ modules: FlashInferModules, _ capability: Int?)
    -> String?
  {
    guard let key = definition.inputs["k"]?.dtype, let cache = definition.inputs["k_cache"]?.dtype, key == cache,
      halves.contains(key), definition.inputs.names == ["k", "v", "slots", "k_cache", "v_cache"]
    else { return "stores bfloat16 or float16 as they are, without scales" }
    return modules.refusal("page", capability: capability)
  }

  private static func decodeRefusal(_ definition: Definition, _ modules: FlashInferModules, _ capability: Int?)
    -> String?
  {
    let names = definition.inputs.names
    guard names == ["q", "k_cache", "v_cache", "kv_indptr", "kv_indices", "kv_last_page_len", "sm_scale"] else {
      return "decodes: takes q, k_cache, v_cache, kv_indptr, kv_indices, kv_last_page_len, sm_scale, not "
        + names.joined(separator: ", ")
    }
    guard let module = FlashInferDecode.module(definition) else {
      return "takes one of bfloat16 and float16 throughout"
    }
    for key in ["window", "soft_cap"] where definition.tags.contains(where: { $0.hasPrefix(key + ":") }) {
      return "does not understand the tag \(key)"
    }
    let heads = definition.axes["num_qo_heads"]?.value ?? 0, own = definition.axes["num_kv_heads"]?.value ?? 1
    if ![1, 2, 3, 4, 6, 8, 16].contains(own > 0 ? heads / own : 0) || heads % max(1, own) != 0 {
      return "has 1, 2, 3, 4, 6, 8 or 16 query heads for a key-value head, not \(heads) for \(own)"
    }
    return modules.refusal(module, capability: capability)
  }
}

extension KernelFlavor {
  /// FlashInfer's own kernels.
  public static let flashInfer = KernelFlavor(rawValue: "flashinfer")
}
