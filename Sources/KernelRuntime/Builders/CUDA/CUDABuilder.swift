import Traces

/// The place of Solution documents in CUDA C++: they bring host code of their own, which launches their kernels, and there is nothing
/// here that runs it. Kernels in CUDA C++ that swiftlet launches itself are `KernelSource`s.
public struct CUDABuilder: AbsentBuilder {
  public init() {}
  public var languages: [Language] { [.cuda] }
}
