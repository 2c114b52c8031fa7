import CUDADriver
import Tensors
import Traces

/// A launch record resolved against a definition and a device: what a call has to look at, without names.
///
///     arguments ─► sizes, strides ─► table ─► lets ─► grid, block, scratch ─► parameters ─► launch
///
/// Made once when a kernel is built. The table holds numbers: facts of the device and constant axes from the start, then
/// variable axes and strides from a call's tensors, then lets. Addresses are those of tensors, then of scratch memory.
struct LaunchPlan: Sendable {
  let definition: String, solution: String
  let device: Device
  /// For the words of an error.
  let arguments: ArgumentPlan
  /// All of the definition's arguments, in order.
  let uses: [ArgumentUse]
  let constants: [Tensor]
  let inPlace: [InPlaceUse]
  /// The table before a call.
  let template: [Int]
  let lets: [Let]
  /// Bytes of each piece.
  let scratch: [Sized]
  let maps: [PlannedMap]
  let launches: [PlannedLaunch]
  /// The most parameters and tensor maps that one launch has.
  let parameterCount: Int, mapCount: Int

  /// How one argument is read.
  struct ArgumentUse: Sendable {
    let name: String
    /// Position among the caller's arguments, or -1 - position among the constants.
    let position: Int
    let isScalar: Bool
    let dtype: DType
    /// For each axis: its size, or -1 - (its place in the table).
    let axes: [Int]
    /// The axis, and where its stride goes in the table.
    let strides: [(axis: Int, place: Int)]
    /// Whether indices of axis 0 may lie apart.
    let mayBeStrided: Bool
  }

  /// Positions among `uses`.
  struct InPlaceUse: Sendable { let output: Int, input: Int }

  struct Let: Sendable { let place: Int, name: String, value: LaunchExpression }
  /// A size and what it is called in messages.
  struct Sized: Sendable { let name: String, value: LaunchExpression }

  struct PlannedMap: Sendable {
    let map: LaunchRecord.TensorMap
    /// Position among the addresses.
    let address: Int
    let extents: [LaunchExpression], strides: [LaunchExpression]
  }

  struct PlannedLaunch: Sendable {
    let entry: String
    let function: CUDAFunction
    let when: LaunchExpression?
    let grid: [LaunchExpression], block: [LaunchExpression]
    let shared: LaunchExpression
    let cluster: SIMD3<UInt32>
    let isProgrammatic: Bool
    let parameters: [PlannedParameter]
    /// Bytes of dynamic shared memory that were allowed.
    let sharedLimit: Int
  }

  struct PlannedParameter: Sendable {
    enum Source: Sendable {
      /// Position among the addresses.
      case address(Int)
      /// Place in the table.
      case number(Int)
      case expression(LaunchExpression)
      /// Position among `uses`.
      case scalar(Int)
      /// Position among `maps`.
      case map(Int)
      case null
    }
    let name: String
    let kind: LaunchRecord.Parameter.Kind
    let source: Source
  }

  func error(_ code: KernelError.Code, _ reason: String) -> KernelError {
    KernelError(code, definition: definition, solution: solution, reason)
  }
}
