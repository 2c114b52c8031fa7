import KernelRuntime
import Traces

/// How a kernel's instructions were carried out.
public enum KernelExecution: String, Sendable, Hashable, CaseIterable {
  /// On the processor that it was compiled for.
  case native
  /// CUDA C++, compiled for this processor, with an emulation of a GPU's threads.
  case emulation
  /// Triton's interpreter.
  case interpreter
  /// On a GPU.
  case device
  /// Not at all.
  case notExecuted = "not executed"

  /// What a solution in a language does on a device.
  public init(_ flavor: KernelFlavor, onGPU: Bool) {
    switch flavor {
    case _ where onGPU: self = .device
    case .cuda, .tilelang: self = .emulation
    case .triton: self = .interpreter
    default: self = .native
    }
  }
}

/// One solution on one definition.
public struct ConformanceResult: Sendable {
  public enum Verdict: Sendable, Hashable {
    case agrees
    /// Sentences: which call, and what was wrong.
    case disagrees([String])
    /// It was not run, for this reason.
    case refused(String)
    /// It should have run and could not be built.
    case notBuilt(String)
  }

  public var definition: String, operation: String
  public var solution: String, language: KernelFlavor
  public var source: String
  public var execution: KernelExecution
  public var verdict: Verdict
  /// Calls that were run.
  public var calls = 0
  /// The largest error of all elements, as a share of what is allowed.
  public var worstError = 0.0
  /// Where it was; nil when every element is the oracle's.
  public var worstElement: String?
  /// Seconds of all calls, and of what was built before.
  public var seconds = 0.0, buildSeconds = 0.0

  /// Whether nothing speaks against the kernel.
  public var passes: Bool {
    switch verdict {
    case .agrees, .refused: true
    case .disagrees, .notBuilt: false
    }
  }
}
