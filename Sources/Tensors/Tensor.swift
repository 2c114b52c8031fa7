/// A view of typed memory: storage, element type, shape, strides, offset. No arithmetic, no hidden allocation; copying
/// a tensor copies the view.
///
///     let x = Tensor(.float32, [tokens, hidden])        // zeroed
///     let row = x.narrow(0, from: 3, count: 1)          // a view, no copy
///
/// Invariant: every element the shape and strides can reach lies inside the storage.
public struct Tensor: Sendable {
  public let storage: Storage
  public let dtype: DType
  public let shape: Shape
  /// Elements from one index of an axis to the next.
  public let strides: Shape
  /// Bytes from the start of the storage to element 0.
  public let byteOffset: Int

  /// Zeroed, contiguous, on the CPU.
  public init(_ dtype: DType, _ shape: Shape) {
    self.init(viewing: Storage(byteCount: dtype.byteCount(of: shape.count)), dtype, shape)
  }

  /// A contiguous view of `storage`.
  /// - Precondition: it fits.
  public init(viewing storage: Storage, _ dtype: DType, _ shape: Shape, byteOffset: Int = 0) {
    precondition(
      byteOffset >= 0 && byteOffset + dtype.byteCount(of: shape.count) <= storage.byteCount,
      "a tensor \(shape) of \(dtype) at byte \(byteOffset) does not fit \(storage.byteCount) bytes")
    self.init(
      storage: storage, dtype: dtype, shape: shape, strides: Self.contiguousStrides(shape), byteOffset: byteOffset)
  }

  /// A view of `storage` whose outermost indices lie `outerStride` elements apart; within one of them there are no gaps.
  /// - Precondition: it fits, and no two indices overlap.
  public init(viewing storage: Storage, _ dtype: DType, _ shape: Shape, byteOffset: Int, outerStride: Int) {
    var strides = Self.contiguousStrides(shape).array
    precondition(
      shape.rank > 0 && outerStride >= strides[0], "indices \(outerStride) elements apart overlap in \(shape)")
    strides[0] = outerStride
    let span = shape.count == 0 ? 0 : (shape[0] - 1) * outerStride + shape.count / shape[0]
    precondition(
      byteOffset >= 0 && byteOffset + dtype.byteCount(of: span) <= storage.byteCount,
      "a tensor \(shape) of \(dtype) with strides \(strides) at byte \(byteOffset) does not fit "
        + "\(storage.byteCount) bytes")
    self.init(storage: storage, dtype: dtype, shape: shape, strides: Shape(strides), byteOffset: byteOffset)
  }

  @usableFromInline init(storage: Storage, dtype: DType, shape: Shape, strides: Shape, byteOffset: Int) {
    (self.storage, self.dtype, self.shape, self.strides, self.byteOffset) = (storage, dtype, shape, strides, byteOffset)
  }

  /// A copy of `values` as float32.
  public init(_ values: [Float], _ shape: Shape) {
    self.init(.float32, shape)
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    values.withUnsafeBytes {
      pointer.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(pointer), byteCount: $0.count)
    }
  }

  /// A copy of `values` as int32.
  public init(_ values: [Int32], _ shape: Shape) {
    self.init(.int32, shape)
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    values.withUnsafeBytes {
      pointer.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(pointer), byteCount: $0.count)
    }
  }

  static func contiguousStrides(_ shape: Shape) -> Shape {
    var strides = [Int](repeating: 1, count: shape.rank)
    for i in stride(from: shape.rank - 2, through: 0, by: -1) { strides[i] = strides[i + 1] * shape[i + 1] }
    return Shape(strides)
  }

  public var device: Device { storage.device }
  @inlinable public var pointer: UnsafeMutableRawPointer { storage.pointer + byteOffset }
  @inlinable public var count: Int { shape.count }
  public var byteCount: Int { dtype.byteCount(of: count) }

  /// Whether elements lie in row-major order without gaps.
  @inlinable public var isContiguous: Bool {
    var expected = 1
    for i in Swift.stride(from: shape.rank &- 1, through: 0, by: -1) {
      if shape[i] != 1 && strides[i] != expected { return false }
      expected &*= shape[i]
    }
    return true
  }

  /// Whether both are the same elements in the same place, seen alike.
  public func isSameView(as other: Tensor) -> Bool {
    pointer == other.pointer && dtype == other.dtype && shape == other.shape && strides == other.strides
  }

  /// Element pointer. `T` must have the element's size.
  @inlinable public func elements<T>(as type: T.Type) -> UnsafeMutablePointer<T> {
    pointer.assumingMemoryBound(to: T.self)
  }

  /// The same elements seen with another shape.
  /// - Precondition: contiguous, same count.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(isContiguous && shape.count == count, "cannot view \(self.shape) as \(shape)")
    return Tensor(
      storage: storage, dtype: dtype, shape: shape, strides: Self.contiguousStrides(shape), byteOffset: byteOffset)
  }

  /// Indices `from ..< from + count` of one axis, as a view.
  public func narrow(_ axis: Int, from: Int, count: Int) -> Tensor {
    precondition(axis < shape.rank && from >= 0 && count >= 0 && from + count <= shape[axis], "narrow out of range")
    var extents = shape.array
    extents[axis] = count
    return Tensor(
      storage: storage, dtype: dtype, shape: Shape(extents), strides: strides,
      byteOffset: byteOffset + dtype.byteCount(of: from * strides[axis]))
  }

  /// The elements as float32, whatever their floating type.
  public var floats: [Float] {
    precondition(isContiguous, "read a contiguous tensor")
    switch dtype {
    case .float32: return Array(UnsafeBufferPointer(start: elements(as: Float.self), count: count))
    case .float16: return (0..<count).map { Float(elements(as: Float16.self)[$0]) }
    case .bfloat16: return (0..<count).map { Float(bitPattern: UInt32(elements(as: UInt16.self)[$0]) << 16) }
    default: preconditionFailure("\(dtype) has no float view")
    }
  }

  public var int32s: [Int32] {
    precondition(isContiguous && dtype == .int32, "not a contiguous int32 tensor")
    return Array(UnsafeBufferPointer(start: elements(as: Int32.self), count: count))
  }
}
