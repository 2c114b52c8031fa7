/// The language a solution is written in. An open set: an unknown language is kept, and refused where strictness asks.
public struct Language: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  /// The wire name, lower case.
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public var description: String { rawValue }

  public static let python = Language(rawValue: "python")
  public static let triton = Language(rawValue: "triton")
  public static let cpp = Language(rawValue: "cpp")
  public static let cuda = Language(rawValue: "cuda")
  public static let tilelang = Language(rawValue: "tilelang")
  /// Ours; FlashInfer-Bench does not know it.
  public static let swift = Language(rawValue: "swift")

  /// What FlashInfer-Bench's schema accepts.
  public static let flashInferBench: [Language] = [.python, .triton, .cpp, .cuda, .tilelang]
  /// What this package accepts in a solution.
  public static let accepted: [Language] = flashInferBench + [.swift]
}

/// How a compiled solution of the C++ family is bound to its caller.
public struct Binding: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public var description: String { rawValue }

  public static let tvmFFI = Binding(rawValue: "tvm-ffi")
  public static let torch = Binding(rawValue: "torch")
  public static let accepted: [Binding] = [.tvmFFI, .torch]
}
