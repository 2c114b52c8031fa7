import Traces

/// The place of Solution documents in Triton: they bring host code of their own, which launches their kernels, and there is nothing
/// here that runs it. Kernels in Triton that swiftlet launches itself are `KernelSource`s.
public struct TritonBuilder: AbsentBuilder {
  public init() {}
  public var languages: [Language] { [.triton] }
}
