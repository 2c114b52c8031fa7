import Traces

/// The place of Solution documents in TileLang: they bring host code of their own, which launches their kernels, and there is nothing
/// here that runs it. Kernels in TileLang that swiftlet launches itself are `KernelSource`s.
public struct TileLangBuilder: AbsentBuilder {
  public init() {}
  public var languages: [Language] { [.tilelang] }
}
