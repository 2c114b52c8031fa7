import Tensors
import Traces

/// What a kernel's source says of itself in its first comment: which definitions it computes, and in CUDA what is launched.
///
///     // operation: rmsnorm
///     // takes: hidden_states, weight, eps -> output
///     // types: hidden_states, output = bfloat16, float16
///     // requires: hidden_size % 8 == 0
///     // launch: rmsnorm   grid = batch_size   block = 256
///     //
///     // Prose follows after an empty comment line.
///
/// The same in Python, behind `#`. Format: docs/gpu-kernels.md.
public struct KernelSourceHeader: Sendable, Hashable {
  /// `Definition.opType`.
  public var operation = ""
  /// Inputs and outputs by the definition's names; `isOptional` marks those that a definition may lack.
  public var inputs: [Argument] = [], outputs: [Argument] = []
  /// Element types that a tensor may have; tensors that are not here are taken as they are.
  public var types: [LaunchRecord.Member<[DType]>] = []
  /// Expressions over constant axes that must hold.
  public var requirements: [LaunchExpression] = []
  /// Keys of tags that change the meaning and are understood.
  public var tags: [String] = []
  /// Where it compiles to; nil everywhere.
  public var targets: [String]?
  /// Whether nothing here executes it.
  public var isCompiledOnly = false
  /// Why registers may be spilled to memory; nil where a spill is an error.
  public var spillExcuse: String?
  /// What is launched; empty in Python, where `plan(c)` says it.
  public var plan = KernelSourcePlan()
  /// Lines of the header and of the prose below it: all that stands before the code.
  public var lineCount = 0

  public struct Argument: Sendable, Hashable {
    public let name: String
    public let isOptional: Bool
  }

  /// Names of `takes`, inputs first.
  public var argumentNames: [String] { (inputs + outputs).map(\.name) }
}

/// What a CUDA source launches: the lines `let`, `scratch`, `tensor_map` and `launch` of its header.
public struct KernelSourcePlan: Sendable, Hashable {
  public var lets: [LaunchRecord.Member<LaunchExpression>] = []
  public var scratch: [LaunchRecord.Member<LaunchExpression>] = []
  public var tensorMaps: [TensorMap] = []
  public var launches: [Launch] = []

  /// A launch without its parameters, which the function's own list gives.
  public struct Launch: Sendable, Hashable {
    public var entry: String
    public var grid: [LaunchExpression], block: [LaunchExpression]
    public var shared = LaunchExpression(0)
    public var cluster = [1, 1, 1]
    public var pdl = false
    public var when: LaunchExpression?
  }

  /// A descriptor without its element type, which the definition gives.
  public struct TensorMap: Sendable, Hashable {
    public var name: String, tensor: String
    public var extents: [LaunchExpression], strides: [LaunchExpression]
    /// Elements per axis that one copy moves: expressions over constant axes.
    public var box: [LaunchExpression]
    public var swizzle = 0
  }
}

/// What is wrong with a kernel's source, and where.
public struct KernelSourceError: Error, Sendable, Hashable, CustomStringConvertible {
  public let file: String
  /// From 1.
  public let line: Int
  public let reason: String
  public init(_ file: String, _ line: Int, _ reason: String) {
    (self.file, self.line, self.reason) = (file, line, reason)
  }
  public var description: String { "\(file):\(line): \(reason)" }
}
