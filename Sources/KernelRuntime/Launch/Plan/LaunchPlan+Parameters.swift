import CUDADriver
import Tensors

extension LaunchPlan {
  /// Calls with the address of each parameter's value.
  func withParameters(
    of launch: PlannedLaunch, _ given: [KernelArgument], _ table: UnsafePointer<Int>,
    _ addresses: UnsafePointer<UInt64>, _ driver: CUDADriver,
    _ body: (UnsafeMutablePointer<UnsafeMutableRawPointer?>) throws(KernelError) -> Void
  ) throws(KernelError) {
    // Tensor maps first: they have the widest alignment.
    let count = launch.parameters.count, mapBytes = mapCount * TensorMapDescriptor.byteCount
    let failure: KernelError? = withUnsafeTemporaryAllocation(
      byteCount: mapBytes + 16 * count + 16, alignment: 128
    ) { memory in
      guard let base = memory.baseAddress else { return nil }
      let values = base + mapBytes
      let pointers = (values + 8 * count).initializeMemory(
        as: UnsafeMutableRawPointer?.self, repeating: nil, count: count)
      var map = base
      do throws(KernelError) {
        for (index, parameter) in launch.parameters.enumerated() {
          if case .map(let number) = parameter.source {
            try encode(maps[number], table, addresses, driver, into: map)
            pointers[index] = map
            map += TensorMapDescriptor.byteCount
          } else {
            let place = values + 8 * index
            try store(parameter, launch.entry, given, table, addresses, into: place)
            pointers[index] = place
          }
        }
        try body(pointers)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  private func store(
    _ parameter: PlannedParameter, _ entry: String, _ given: [KernelArgument], _ table: UnsafePointer<Int>,
    _ addresses: UnsafePointer<UInt64>, into place: UnsafeMutableRawPointer
  ) throws(KernelError) {
    let number: Int
    switch parameter.source {
    case .null: return place.storeBytes(of: 0, as: UInt64.self)
    case .address(let index): return place.storeBytes(of: addresses[index], as: UInt64.self)
    case .map: return
    case .scalar(let use):
      let scalar = given[uses[use].position].scalar
      if parameter.kind == .f32 { return place.storeBytes(of: Float(scalar), as: Float.self) }
      if parameter.kind == .f64 { return place.storeBytes(of: scalar, as: Double.self) }
      guard let integer = Int(exactly: scalar) else {
        throw error(.signatureMismatch, "\(parameter.name) is \(scalar), expected an integer")
      }
      number = integer
    case .number(let index): number = table[index]
    case .expression(let expression): number = try value(expression, table, "\(parameter.name) of \(entry)")
    }
    switch parameter.kind {
    case .i32:
      guard let narrow = Int32(exactly: number) else {
        throw error(.runFailed, "\(entry): \(parameter.name) is \(number), which is no 32-bit number")
      }
      place.storeBytes(of: narrow, as: Int32.self)
    case .f32: place.storeBytes(of: Float(number), as: Float.self)
    case .f64: place.storeBytes(of: Double(number), as: Double.self)
    default: place.storeBytes(of: number, as: Int.self)
    }
  }

  private func encode(
    _ planned: PlannedMap, _ table: UnsafePointer<Int>, _ addresses: UnsafePointer<UInt64>, _ driver: CUDADriver,
    into place: UnsafeMutableRawPointer
  ) throws(KernelError) {
    let map = planned.map
    var descriptor = TensorMapDescriptor(
      type: map.type, rank: planned.extents.count, address: addresses[planned.address], swizzle: map.swizzle,
      interleave: map.interleave, l2Promotion: map.l2Promotion, fill: map.fill)
    for (axis, extent) in planned.extents.enumerated() {
      descriptor.extents[axis] = try value(extent, table, "extents[\(axis)] of \(map.name)")
      descriptor.box[axis] = map.box[axis]
      descriptor.elementStrides[axis] = map.elementStrides[axis]
    }
    for (axis, stride) in planned.strides.enumerated() {
      descriptor.strides[axis] = try value(stride, table, "strides[\(axis)] of \(map.name)")
    }
    do throws(CUDAError) {
      try descriptor.encode(driver, into: place)
    } catch {
      throw self.error(.runFailed, "the tensor map \(map.name) of \(map.tensor): \(error)")
    }
  }
}
