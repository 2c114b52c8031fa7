import CUDADriver
import Tensors
import Traces

/// Kernels for GPUs as solutions that can be bound: on a GPU by their artifacts, on the CPU by emulation or interpreter.
///
///     let kernels = GPUKernels(builder: GPUKernelBuilder(sources: folder, toolchain: toolchain, cache: cache))
///     let library = KernelLibrary(solutions: KernelCatalog.solutions + kernels.solutions, policy: policy)
///
/// A machine that serves needs only `artifacts`. On the CPU a policy must name these solutions: `auto` never takes them.
public final class GPUKernels: Sendable {
  private let builder: GPUKernelBuilder?
  private let artifacts: KernelArtifactFolder?
  private let devices: GPUDevices
  private let interpreter: TritonInterpreter?

  /// - builder: what compiles sources; nil where there are none.
  /// - artifacts: what was compiled elsewhere, looked at before anything is compiled.
  public init(builder: GPUKernelBuilder?, artifacts: KernelArtifactFolder? = nil, devices: GPUDevices = GPUDevices()) {
    (self.builder, self.artifacts, self.devices) = (builder, artifacts, devices)
    interpreter = builder.map { TritonInterpreter($0.toolchain, cache: $0.cache) }
  }

  /// One for each source, and for each solution that has artifacts only.
  public var solutions: [KernelSolution] {
    let sources = builder?.sources.sources ?? []
    var found = sources.map { source in
      solution(source.name, source.language, source.header.operation, at: source.path, source)
    }
    for record in (artifacts?.artifacts ?? []).map(\.record)
    where !found.contains(where: { $0.name == record.solution }) {
      found.append(
        solution(
          record.solution, Language(rawValue: record.language), record.operation, at: artifacts?.root ?? "", nil))
    }
    return found
  }

  private func solution(
    _ name: String, _ language: Language, _ operation: String, at place: String, _ source: KernelSource?
  ) -> KernelSolution {
    KernelSolution(
      operation: operation, definition: nil, name: name, flavor: KernelFlavor(rawValue: language.rawValue),
      author: "swiftlet", source: place, isBatchInvariant: nil, needsCompilation: source != nil, isEmulatedOnCPU: true,
      availability: { [self] definition, context in
        refusal(name, source, definition, context.device).map { .unavailable(because: $0) } ?? .available
      },
      build: { [self] definition, context throws(KernelError) in
        try kernel(name, source, definition, context)
      })
  }

  // MARK: availability

  private func refusal(_ name: String, _ source: KernelSource?, _ definition: Definition, _ device: Device) -> String? {
    if let reason = source?.refusal(of: definition) { return reason }
    switch device {
    case .cpu:
      guard let source, let builder else { return "has artifacts for GPUs only; the CPU executes it from its source" }
      return builder.refusal(source, for: definition, target: Self.cpuTarget(source))
    case .cuda(let ordinal):
      let facts: CUDADevice
      switch devices.device(ordinal) {
      case .success(let found): facts = found
      case .failure(let error): return "\(error)"
      }
      var reasons: [String] = []
      for target in GPUDevices.targets(of: facts) {
        if (try? artifacts?.artifact(name, definition.name, target)) != nil { return nil }
        guard let source, let builder else { continue }
        guard let reason = builder.refusal(source, for: definition, target: target) else { return nil }
        reasons.append(reason)
      }
      return reasons.first
        ?? "\(artifacts?.root ?? "there") has no artifact of it for \(definition.name) and \(facts.name)"
    }
  }

  private static func cpuTarget(_ source: KernelSource) -> String {
    source.language == .triton ? LaunchRecord.interpreted : LaunchRecord.emulated
  }

  // MARK: building

  private func kernel(
    _ name: String, _ source: KernelSource?, _ definition: Definition, _ context: BindContext
  ) throws(KernelError) -> any Kernel {
    do throws(KernelError) {
      if let reason = refusal(name, source, definition, context.device) { throw KernelError(.buildFailed, reason) }
      guard case .cuda(let ordinal) = context.device else {
        return try kernelOnCPU(source, definition, context)
      }
      let artifact = try artifact(name, source, definition, try devices.device(ordinal).orKernelError())
      return try LaunchedKernel(
        artifact.record, image: .folder(artifact.folder), definition: definition, constants: context.constants,
        on: devices.context(ordinal).orKernelError())
    } catch {
      throw KernelError(error.code, definition: definition.name, solution: name, error.reason)
    }
  }

  private func kernelOnCPU(
    _ source: KernelSource?, _ definition: Definition, _ context: BindContext
  ) throws(KernelError) -> any Kernel {
    guard let source, let builder, let interpreter else { throw KernelError(.buildFailed, "it has no source") }
    if source.language == .triton { return try InterpretedKernel(interpreter, source, definition, context) }
    let artifact = try builder.artifact(source, for: definition, target: LaunchRecord.emulated)
    let emulator = try devices.emulator(builder.emulation.library()).orKernelError()
    return try EmulatedLaunch(
      artifact.record, image: .folder(artifact.folder), definition: definition, constants: context.constants,
      on: emulator)
  }

  /// The first of a device's targets that there is an artifact for, or that can be built.
  private func artifact(
    _ name: String, _ source: KernelSource?, _ definition: Definition, _ device: CUDADevice
  ) throws(KernelError) -> KernelArtifact {
    let targets = GPUDevices.targets(of: device)
    for target in targets {
      if let found = try artifacts?.artifact(name, definition.name, target) { return found }
    }
    guard let source, let builder else { throw KernelError(.buildFailed, "there is no artifact for \(device.name)") }
    let usable = targets.first { builder.refusal(source, for: definition, target: $0) == nil }
    return try builder.artifact(source, for: definition, target: usable ?? targets.first ?? "sm_80")
  }
}

extension Result where Failure == CUDAError {
  fileprivate func orKernelError() throws(KernelError) -> Success {
    switch self {
    case .success(let value): return value
    case .failure(let error): throw KernelError(.buildFailed, error.description)
    }
  }
}
