import Tensors
import Traces

extension GPUKernelBuilder {
  /// The launch record of a CUDA source: the header's plan, with each function's parameters as the source lists them.
  /// - Throws: `buildFailed` for a parameter that names nothing, and what else is wrong with the plan.
  func record(
    of source: KernelSource, _ constants: KernelConstants, _ text: CUDASourceText, _ target: String
  ) throws(KernelError) -> LaunchRecord {
    let plan = source.header.plan
    var launches: [LaunchRecord.Launch] = []
    for launch in plan.launches {
      let parameters = try CUDAParameterList(of: launch.entry, in: text).parameters
      for parameter in parameters { try check(parameter, of: launch.entry, plan, constants) }
      launches.append(
        .init(
          entry: launch.entry, parameters: parameters, grid: launch.grid, block: launch.block, shared: launch.shared,
          cluster: launch.cluster, pdl: launch.pdl, when: launch.when))
    }
    var maps: [LaunchRecord.TensorMap] = []
    for map in plan.tensorMaps { maps.append(try tensorMap(map, plan.lets, constants)) }
    do throws(LaunchRecordError) {
      return try LaunchRecord(
        solution: source.name, operation: source.header.operation, definition: constants.definition,
        language: source.language.rawValue, target: target,
        toolchain: [target == LaunchRecord.emulated ? .init("emulation", "1") : cuda.version],
        image: target == LaunchRecord.emulated ? "kernel.so" : "kernel.cubin", constants: constants.axes,
        lets: plan.lets, scratch: plan.scratch, tensorMaps: maps, launches: launches)
    } catch {
      throw KernelError(.buildFailed, "the plan in \(source.path) is wrong: \(error)")
    }
  }

  /// A parameter's name must stand for something that can be passed as its type.
  private func check(
    _ parameter: LaunchRecord.Parameter, of entry: String, _ plan: KernelSourcePlan, _ constants: KernelConstants
  ) throws(KernelError) {
    let name = parameter.name
    let inputsInPlace = constants.inPlace.map(\.value)
    let pointers = constants.tensors.map(\.name) + plan.scratch.map(\.name) + inputsInPlace
    let numbers = constants.axes.map(\.name) + constants.variables + plan.lets.map(\.name) + ["sm_count"]
    let floats = constants.scalars.filter { $0.value.isFloatingPoint }.map(\.name)
    let integers = constants.scalars.filter { !$0.value.isFloatingPoint }.map(\.name)
    let expected: [LaunchRecord.Parameter.Kind]
    if pointers.contains(name) {
      expected = [.pointer]
    } else if numbers.contains(name) || integers.contains(name) || constants.isStride(name) {
      expected = [.i32, .i64]
    } else if floats.contains(name) {
      expected = [.f32, .f64]
    } else if plan.tensorMaps.contains(where: { $0.name == name }) {
      expected = [.tensorMap]
    } else {
      let known = pointers + floats + integers + numbers + plan.tensorMaps.map(\.name)
      throw KernelError(
        .buildFailed,
        "\(entry) has a parameter \(name), which names nothing that can be passed; there are \(known.joined(separator: ", ")), and "
          + "<tensor>_stride_<axis number>")
    }
    if !expected.contains(parameter.kind) {
      throw KernelError(
        .buildFailed,
        "\(entry) takes \(name) as \(parameter.kind.rawValue), expected \(expected.map(\.rawValue).joined(separator: " or "))"
      )
    }
  }

  private func tensorMap(
    _ map: KernelSourcePlan.TensorMap, _ lets: [LaunchRecord.Member<LaunchExpression>], _ constants: KernelConstants
  ) throws(KernelError) -> LaunchRecord.TensorMap {
    guard let type = constants.tensors.first(where: { $0.name == map.tensor })?.value else {
      throw KernelError(
        .buildFailed, "the tensor_map \(map.name) is of \(map.tensor), which the definition does not have")
    }
    var values = Dictionary(constants.axes.map { ($0.name, $0.value) }) { first, _ in first }
    for member in lets where values[member.name] == nil {
      values[member.name] = try? member.value.evaluate { values[$0] }
    }
    var box: [Int] = []
    for size in map.box {
      do throws(LaunchExpressionError) {
        box.append(try size.evaluate { values[$0] })
      } catch {
        throw KernelError(.buildFailed, "the box of \(map.name): \(error)")
      }
    }
    return .init(
      name: map.name, tensor: map.tensor, type: type, extents: map.extents, strides: map.strides, box: box,
      swizzle: map.swizzle)
  }

  // MARK: checks of images

  /// - Throws: `buildFailed` when an image's functions take other parameters than the record passes.
  public static func checkParameters(_ record: LaunchRecord, in folder: String) throws(KernelError) {
    let images = Set(record.launches.compactMap { $0.image ?? record.image })
    for image in images.sorted() {
      guard let bytes = CacheFiles.read("\(folder)/\(image)") else {
        throw KernelError(.buildFailed, "there is no \(image)")
      }
      var part = record
      part.launches = record.launches.filter { ($0.image ?? record.image) == image }
      do {
        try part.check(against: CubinParameters(bytes))
      } catch {
        throw KernelError(.buildFailed, "\(image): \(error)")
      }
    }
  }

  /// - Throws: `buildFailed` when registers are spilled to memory, and the header does not say why that is right.
  static func checkSpills(_ record: LaunchRecord, _ source: KernelSource) throws(KernelError) {
    if source.header.spillExcuse != nil { return }
    for used in record.resources where used.spillStores + used.spillLoads > 0 {
      throw KernelError(
        .buildFailed,
        "\(used.entry) spills registers for \(record.target): \(used.spillStores) bytes are stored and \(used.spillLoads) loaded "
          + "by each thread, at \(used.registers) registers; make it smaller, or say `spills: allowed, <why>` in its header"
      )
    }
  }
}

extension KernelConstants {
  /// Whether a name is `<tensor>_stride_<axis number>`.
  func isStride(_ name: String) -> Bool {
    guard let mark = name.range(ofLast: "_stride_") else { return false }
    let tensor = name[..<mark.lowerBound], axis = name[mark.upperBound...]
    let known = tensors.map(\.name) + inPlace.map(\.value)
    return known.contains(String(tensor)) && !axis.isEmpty && axis.allSatisfy { $0.isASCII && $0.isNumber }
  }
}

extension String {
  fileprivate func range(ofLast mark: String) -> Range<Index>? {
    indices.last { self[$0...].hasPrefix(mark) }.map { $0..<index($0, offsetBy: mark.count) }
  }
}
