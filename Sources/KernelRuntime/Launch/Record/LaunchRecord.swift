import Tensors

/// What has to be launched to compute one definition with one image: `launch.json` beside `kernel.cubin` or `kernel.so`.
///
///     let record = try LaunchRecord(json: bytes)
///     record.launches[0].entry                       // "rmsnorm_kernel"
///     record.launches[0].parameters.map(\.name)      // names are the ABI: what each one is, not where it stands
///
/// Invariant (checked when it is read or made): a name has one meaning, expressions are valid, and what can be said of sizes
/// without a definition and a device is right. Format: docs/gpu-kernels.md.
public struct LaunchRecord: Sendable, Hashable {
  /// The only format so far.
  public static let format = 1
  /// The target of images that the stand-in driver runs, and of kernels that Triton's interpreter runs.
  public static let emulated = "emulated", interpreted = "interpreted"

  public var solution: String
  /// `Definition.opType`.
  public var operation: String
  /// The definition's name.
  public var definition: String
  /// `cuda`, `triton`, `tilelang`.
  public var language: String
  /// `sm_80`, `sm_90a` …, `emulated` or `interpreted`.
  public var target: String
  /// The tools that made it, with their versions.
  public var toolchain: [Member<String>]
  /// The image's file name; nil where there is none (Triton's interpreter).
  public var image: String?
  /// Constant axes.
  public var constants: [Member<Int>]
  /// Numbers with a name, in order: a later one may use earlier ones.
  public var lets: [Member<LaunchExpression>]
  /// Bytes of scratch memory, 256-byte aligned, not zeroed.
  public var scratch: [Member<LaunchExpression>]
  public var tensorMaps: [TensorMap]
  /// In the order in which they run.
  public var launches: [Launch]
  /// What the assembler reported.
  public var resources: [Resources]

  /// A name and what it stands for.
  public struct Member<Value: Sendable & Hashable>: Sendable, Hashable {
    public var name: String
    public var value: Value
    public init(_ name: String, _ value: Value) { (self.name, self.value) = (name, value) }
  }

  /// A descriptor for the tensor memory accelerator, innermost axis first: the arguments of cuTensorMapEncodeTiled.
  public struct TensorMap: Sendable, Hashable {
    /// The parameter's name.
    public var name: String
    /// The tensor that it describes.
    public var tensor: String
    public var type: DType
    /// Elements per axis: one to five.
    public var extents: [LaunchExpression]
    /// Bytes from neighbour to neighbour on each axis but the innermost.
    public var strides: [LaunchExpression]
    /// Elements per axis that one copy moves.
    public var box: [Int]
    /// One per axis.
    public var elementStrides: [Int]
    /// Bytes of the swizzle pattern: 0, 32, 64, 128.
    public var swizzle: Int
    /// 0, 16, 32.
    public var interleave: Int
    /// Bytes promoted to the second-level cache: 0, 64, 128, 256.
    public var l2Promotion: Int
    /// What is outside of the tensor: 0 zeros, 1 not-a-number.
    public var fill: Int

    public init(
      name: String, tensor: String, type: DType, extents: [LaunchExpression], strides: [LaunchExpression], box: [Int],
      elementStrides: [Int]? = nil, swizzle: Int = 0, interleave: Int = 0, l2Promotion: Int = 0, fill: Int = 0
    ) {
      (self.name, self.tensor, self.type, self.extents, self.strides) = (name, tensor, type, extents, strides)
      (self.box, self.elementStrides) = (box, elementStrides ?? box.map { _ in 1 })
      (self.swizzle, self.interleave, self.l2Promotion, self.fill) = (swizzle, interleave, l2Promotion, fill)
    }
  }

  /// One `__global__` function, called once.
  public struct Launch: Sendable, Hashable {
    public var entry: String
    /// In the function's order.
    public var parameters: [Parameter]
    /// Blocks in x, y, z; three parts.
    public var grid: [LaunchExpression]
    /// Threads in x, y, z; three parts.
    public var block: [LaunchExpression]
    /// Bytes of dynamic shared memory.
    public var shared: LaunchExpression
    /// Blocks of a cluster in x, y, z.
    public var cluster: [Int]
    /// Programmatic stream serialization: it may begin before the launch before it has ended.
    public var pdl: Bool
    /// It is left out where this is 0.
    public var when: LaunchExpression?
    /// The file that the function is in, when it is not the record's image.
    public var image: String?

    /// - grid, block: one to three parts; what is missing is 1.
    public init(
      entry: String, parameters: [Parameter], grid: [LaunchExpression], block: [LaunchExpression],
      shared: LaunchExpression = LaunchExpression(0), cluster: [Int] = [1, 1, 1], pdl: Bool = false,
      when: LaunchExpression? = nil, image: String? = nil
    ) {
      let one = LaunchExpression(1)
      (self.entry, self.parameters) = (entry, parameters)
      self.grid = grid + Array(repeating: one, count: max(0, 3 - grid.count))
      self.block = block + Array(repeating: one, count: max(0, 3 - block.count))
      self.cluster = cluster + Array(repeating: 1, count: max(0, 3 - cluster.count))
      (self.shared, self.pdl, self.when, self.image) = (shared, pdl, when, image)
    }
  }

  /// One parameter of a function.
  public struct Parameter: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
      case pointer, i32, i64, f32, f64
      case tensorMap = "tensor_map"
      /// A hidden pointer that is null.
      case null

      /// Bytes in the parameter buffer.
      public var byteCount: Int {
        switch self {
        case .pointer, .i64, .f64, .null: 8
        case .i32, .f32: 4
        case .tensorMap: 128
        }
      }
    }
    public var name: String
    public var kind: Kind
    /// What is passed, where the name stands for nothing.
    public var value: LaunchExpression?

    public init(_ name: String, _ kind: Kind, value: LaunchExpression? = nil) {
      (self.name, self.kind, self.value) = (name, kind, value)
    }
  }

  /// What one function takes of the device.
  public struct Resources: Sendable, Hashable {
    public var entry: String
    public var registers: Int
    /// Bytes per thread.
    public var spillStores: Int, spillLoads: Int, stack: Int
    /// Bytes per block.
    public var staticShared: Int
    /// The file that the function is in, when it is not the record's image.
    public var image: String?

    public init(
      entry: String, registers: Int, spillStores: Int = 0, spillLoads: Int = 0, stack: Int = 0, staticShared: Int = 0,
      image: String? = nil
    ) {
      self.image = image
      (self.entry, self.registers, self.spillStores) = (entry, registers, spillStores)
      (self.spillLoads, self.stack, self.staticShared) = (spillLoads, stack, staticShared)
    }
  }

  /// - Throws: what is wrong with the whole (see `check`).
  public init(
    solution: String, operation: String, definition: String, language: String, target: String,
    toolchain: [Member<String>] = [], image: String?, constants: [Member<Int>] = [],
    lets: [Member<LaunchExpression>] = [], scratch: [Member<LaunchExpression>] = [], tensorMaps: [TensorMap] = [],
    launches: [Launch], resources: [Resources] = []
  ) throws(LaunchRecordError) {
    (self.solution, self.operation, self.definition) = (solution, operation, definition)
    (self.language, self.target, self.toolchain, self.image) = (language, target, toolchain, image)
    (self.constants, self.lets, self.scratch, self.tensorMaps) = (constants, lets, scratch, tensorMaps)
    (self.launches, self.resources) = (launches, resources)
    try check()
  }

  /// The number of the target, as expressions see it: 80 for `sm_80`, 90 for `sm_90a`; nil for targets that are no GPU's.
  public var targetNumber: Int? { Self.targetNumber(target) }

  public static func targetNumber(_ target: String) -> Int? {
    guard target.hasPrefix("sm_") else { return nil }
    let digits = target.dropFirst(3).prefix { $0.isASCII && $0.isNumber }
    let suffix = target.dropFirst(3 + digits.count)
    return ["", "a", "f"].contains(suffix) ? Int(digits) : nil
  }
}

/// What is wrong with a launch record, and in which field.
public struct LaunchRecordError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where: `launches[0].grid[1]`; empty for the whole text.
  public let field: String
  public let reason: String

  public init(_ field: String, _ reason: String) { (self.field, self.reason) = (field, reason) }

  public var description: String { field.isEmpty ? "launch record: \(reason)" : "launch record, \(field): \(reason)" }
}
