import CUDADriver
import Tensors
import Traces

/// `rmsnorm(out, input, weight, eps, enable_pdl)` and `fused_add_rmsnorm(input, residual, weight, eps, enable_pdl)`, which
/// works in place: sum into `residual`, norm into `input`.
struct FlashInferNorm: Kernel {
  private let function: FFIFunction
  private let device: Device
  private let isFused: Bool
  /// Positions of hidden_states, residual, weight and eps among the arguments; the outputs come last.
  private let hiddenStates: Int, residual: Int?, weight: Int, eps: Int, outputs: Int

  init(_ modules: FlashInferModules, _ definition: Definition, _ device: Device, isFused: Bool) throws(KernelError) {
    function = try FFIFunction(modules.library("norm"), isFused ? "fused_add_rmsnorm" : "rmsnorm")
    let names = definition.inputs.names
    guard let hiddenStates = names.firstIndex(of: "hidden_states"), let weight = names.firstIndex(of: "weight"),
      let eps = names.firstIndex(of: "eps"), !isFused || names.contains("residual")
    else { throw KernelError(.buildFailed, definition: definition.name, "needs hidden_states, weight and eps") }
    (self.device, self.isFused, self.hiddenStates, self.weight, self.eps) = (device, isFused, hiddenStates, weight, eps)
    (residual, outputs) = (names.firstIndex(of: "residual"), names.count)
  }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    let stream = try FlashInferStream(stream, function.library, device)
    let eps = FFIArgument.float(arguments[eps].scalar), input = arguments[hiddenStates].tensor
    let weight = FFIArgument.tensor(arguments[weight].tensor), output = arguments[outputs].tensor
    if input.shape[0] == 0 { return }
    guard isFused, let residual else {
      try function(.tensor(output), .tensor(input), weight, eps, .bool(false))
      return
    }
    let sum = arguments[outputs + 1].tensor
    try stream.copy(input, to: output)
    try stream.copy(arguments[residual].tensor, to: sum)
    try function(.tensor(output), .tensor(sum), weight, eps, .bool(false))
  }
}

/// The driver's stream of a call, made FlashInfer's.
struct FlashInferStream {
  let stream: CUDAStream
  var driver: DriverStream { stream.driverStream }

  init(_ stream: any ExecutionStream, _ library: SharedLibrary, _ device: Device) throws(KernelError) {
    guard let stream = stream as? CUDAStream else {
      throw KernelError(
        .runFailed, "FlashInfer's kernels need a stream of a CUDA device, found one of \(stream.device)")
    }
    self.stream = stream
    try library.setStream(driver.handle, device: device)
  }

  /// Nothing when both are the same memory.
  func copy(_ source: Tensor, to target: Tensor) throws(KernelError) {
    if source.pointer == target.pointer { return }
    try perform { () throws(CUDAError) in try stream.copy(source, to: target) }
  }

  func perform<R>(_ body: () throws(CUDAError) -> R) throws(KernelError) -> R {
    do throws(CUDAError) { return try body() } catch { throw KernelError(.runFailed, "\(error)") }
  }
}
