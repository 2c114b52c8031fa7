import CUDADriver
import Tensors
import Traces

extension LaunchPlan {
  /// Resolves all names.
  /// - tensorDevice: where tensors must be: the device, or the CPU under emulation.
  /// - Throws: `buildFailed` with the field of the record and the name.
  init(
    _ record: LaunchRecord, _ definition: Definition, constants: [String: Tensor], image: KernelImage,
    on context: CUDAContext, tensorDevice: Device
  ) throws(KernelError) {
    var builder = try LaunchPlanBuilder(record, definition, constants, image, context, tensorDevice)
    do {
      self = try builder.plan()
    } catch let error as LaunchRecordError {
      throw KernelError(.buildFailed, definition: definition.name, solution: record.solution, error.description)
    } catch let error as CUDAError {
      throw KernelError(.buildFailed, definition: definition.name, solution: record.solution, error.description)
    } catch {
      throw KernelError(.buildFailed, definition: definition.name, solution: record.solution, "\(error)")
    }
  }
}

/// Makes a plan.
private struct LaunchPlanBuilder {
  let record: LaunchRecord
  let definition: Definition
  let image: KernelImage
  let context: CUDAContext
  /// By name; loaded once each.
  var modules: [String: CUDAModule] = [:]
  let tensorDevice: Device
  let arguments: ArgumentPlan
  /// Without those of which both names are passed: such a kernel reads one and writes all of the other.
  let pairs: [InPlaceOutput]
  /// Where numbers with a name are in the table.
  var places: [String: Int] = [:]
  var template: [Int] = []
  var strides: [[(axis: Int, place: Int)]]

  init(
    _ record: LaunchRecord, _ definition: Definition, _ constants: [String: Tensor], _ image: KernelImage,
    _ context: CUDAContext, _ tensorDevice: Device
  ) throws(KernelError) {
    func failure(_ reason: String) -> KernelError {
      KernelError(.buildFailed, definition: definition.name, solution: record.solution, reason)
    }
    if record.definition != definition.name {
      throw failure("the launch record is for \(record.definition)")
    }
    for (name, tensor) in constants where tensor.device != tensorDevice {
      throw failure("\(name) is held constant on \(tensor.device), expected on \(tensorDevice)")
    }
    (self.record, self.definition, self.tensorDevice) = (record, definition, tensorDevice)
    (self.image, self.context) = (image, context)
    arguments = try ArgumentPlan(definition, constants: constants, device: tensorDevice)
    let named = Set(
      record.launches.flatMap { $0.parameters.filter { $0.kind == .pointer }.map(\.name) }
        + record.tensorMaps.map(\.tensor))
    pairs = InPlaceOutput.all(of: definition).filter { !(named.contains($0.input) && named.contains($0.output)) }
    strides = Array(repeating: [], count: arguments.slots.count)
    let device = context.device
    add("sm_count", device.multiprocessorCount)
    add("target", record.targetNumber ?? device.targetNumber)
    // An axis that no tensor has cannot be known.
    let known = Set((Array(definition.inputs) + Array(definition.outputs)).flatMap { $0.value.shape ?? [] })
    for (name, axis) in definition.axes where axis.value != nil || known.contains(name) { add(name, axis.value ?? 0) }
  }

  private mutating func add(_ name: String, _ value: Int) {
    places[name] = template.count
    template.append(value)
  }

  mutating func plan() throws -> LaunchPlan {
    try record.check()  // it may have been changed since it was read
    try record.check(for: context.device)
    for constant in record.constants {
      guard let axis = definition.axes[constant.name] else { continue }  // a builder may add its own
      if let value = axis.value, value != constant.value {
        throw LaunchRecordError(
          "constants.\(constant.name)", "\(constant.value), but the definition has \(value)")
      }
    }
    try checkNames()
    var lets: [LaunchPlan.Let] = []
    for (index, member) in record.lets.enumerated() {
      let value = try number(member.value, "let[\(index)]")
      add(member.name, 0)
      lets.append(LaunchPlan.Let(place: template.count - 1, name: member.name, value: value))
    }
    var scratch: [LaunchPlan.Sized] = []
    for (index, member) in record.scratch.enumerated() {
      scratch.append(LaunchPlan.Sized(name: member.name, value: try number(member.value, "scratch[\(index)]")))
    }
    var maps: [LaunchPlan.PlannedMap] = []
    for (index, map) in record.tensorMaps.enumerated() { maps.append(try planned(map, "tensor_maps[\(index)]")) }
    var launches: [LaunchPlan.PlannedLaunch] = []
    for (index, launch) in record.launches.enumerated() { launches.append(try planned(launch, "launches[\(index)]")) }

    let constants = arguments.slots.compactMap { slot in
      if case .constant(let tensor) = slot.source { tensor } else { nil }
    }
    return LaunchPlan(
      definition: definition.name, solution: record.solution, device: tensorDevice, arguments: arguments,
      uses: uses(), constants: constants,
      inPlace: pairs.compactMap { pair in
        guard let output = index(of: pair.output), let input = index(of: pair.input) else { return nil }
        return LaunchPlan.InPlaceUse(output: output, input: input)
      }, template: template, lets: lets, scratch: scratch, maps: maps, launches: launches,
      parameterCount: launches.map(\.parameters.count).max() ?? 0,
      mapCount: launches.map { $0.parameters.count { $0.kind == .tensorMap } }.max() ?? 0)
  }

  // MARK: what is checked

  /// Names of the record that the definition uses otherwise.
  private func checkNames() throws {
    let taken = Set(definition.axes.names + definition.inputs.names + definition.outputs.names)
    let own = record.lets.map { ($0.name, "let") } + record.scratch.map { ($0.name, "scratch") }
    for (name, field) in own + record.tensorMaps.map({ ($0.name, "tensor_maps") }) where taken.contains(name) {
      throw LaunchRecordError(field, "\(name) is an axis, input or output of \(definition.name)")
    }
  }

  // MARK: names

  private func index(of name: String) -> Int? { arguments.slots.firstIndex { $0.name == name } }

  /// The argument whose address a name stands for: an input that is changed in place is its output.
  private func tensor(named name: String) -> Int? {
    let name = pairs.first { $0.input == name }?.output ?? name
    guard let index = index(of: name), !arguments.slots[index].isScalar else { return nil }
    return index
  }

  /// Where a number is in the table: an axis, a let, a fact of the device, or `<tensor>_stride_<axis>`.
  private mutating func place(of name: String) -> Int? {
    if let place = places[name] { return place }
    guard let mark = name.range(ofLast: "_stride_"), let axis = Int(name[mark.upperBound...]),
      let tensor = tensor(named: String(name[..<mark.lowerBound])), axis >= 0, axis < arguments.slots[tensor].rank
    else { return nil }
    add(name, 0)
    strides[tensor].append((axis, template.count - 1))
    return template.count - 1
  }

  private mutating func number(_ expression: LaunchExpression, _ field: String) throws -> LaunchExpression {
    for name in expression.names { _ = place(of: name) }
    do {
      return try expression.numbered { places[$0] }
    } catch {
      throw LaunchRecordError(field, error.description)
    }
  }

  private mutating func numbers(_ list: [LaunchExpression], _ field: String) throws -> [LaunchExpression] {
    var result: [LaunchExpression] = []
    for (index, expression) in list.enumerated() { result.append(try number(expression, "\(field)[\(index)]")) }
    return result
  }

  // MARK: parts

  private func uses() -> [LaunchPlan.ArgumentUse] {
    var constantCount = 0
    return arguments.slots.enumerated().map { index, slot in
      let position: Int
      switch slot.source {
      case .given(let given): position = given
      case .constant:
        position = -1 - constantCount
        constantCount += 1
      }
      let shape = (definition.inputs[slot.name] ?? definition.outputs[slot.name])?.shape ?? []
      let partners = pairs.filter { $0.input == slot.name }.compactMap { self.index(of: $0.output) }
      return LaunchPlan.ArgumentUse(
        name: slot.name, position: position, isScalar: slot.isScalar, dtype: slot.dtype,
        axes: shape.map { definition.axes[$0]?.value ?? (-1 - (places[$0] ?? 0)) }, strides: strides[index],
        mayBeStrided: ([index] + partners).contains { strides[$0].contains { $0.axis == 0 } })
    }
  }

  private mutating func planned(_ map: LaunchRecord.TensorMap, _ field: String) throws -> LaunchPlan.PlannedMap {
    guard let tensor = tensor(named: map.tensor) else {
      throw LaunchRecordError("\(field).tensor", "\(map.tensor) is no tensor of \(definition.name)")
    }
    if map.type.bitWidth != arguments.slots[tensor].dtype.bitWidth {
      throw LaunchRecordError(
        "\(field).type", "\(map.type.rawValue), but \(map.tensor) is \(arguments.slots[tensor].dtype.rawValue)")
    }
    return LaunchPlan.PlannedMap(
      map: map, address: tensor, extents: try numbers(map.extents, "\(field).extents"),
      strides: try numbers(map.strides, "\(field).strides"))
  }

  /// The module that a launch's function is in.
  private mutating func module(of launch: LaunchRecord.Launch, _ field: String) throws -> CUDAModule {
    let name = launch.image ?? record.image ?? ""
    if let known = modules[name] { return known }
    if name != record.image, !image.isFolder {
      throw LaunchRecordError("\(field).image", "\(name) was not given: the kernel is made from one image")
    }
    let module = try image.module(name, context)
    modules[name] = module
    return module
  }

  private mutating func planned(_ launch: LaunchRecord.Launch, _ field: String) throws -> LaunchPlan.PlannedLaunch {
    let function = try module(of: launch, field).function(launch.entry)
    let device = context.device
    let cluster = SIMD3(UInt32(launch.cluster[0]), UInt32(launch.cluster[1]), UInt32(launch.cluster[2]))
    if cluster != [1, 1, 1] && !device.hasClusters {
      throw LaunchRecordError("\(field).cluster", "\(device.name) launches no clusters")
    }
    if launch.cluster.reduce(1, *) > 8 { try function.allowLargeClusters() }
    var parameters: [LaunchPlan.PlannedParameter] = []
    for (index, parameter) in launch.parameters.enumerated() {
      parameters.append(
        LaunchPlan.PlannedParameter(
          name: parameter.name, kind: parameter.kind,
          source: try source(of: parameter, "\(field).parameters[\(index)]")))
    }
    let shared = try number(launch.shared, "\(field).shared")
    return LaunchPlan.PlannedLaunch(
      entry: launch.entry, function: function, when: try launch.when.map { try number($0, "\(field).when") },
      grid: try numbers(launch.grid, "\(field).grid"), block: try numbers(launch.block, "\(field).block"),
      shared: shared, cluster: cluster, isProgrammatic: launch.pdl, parameters: parameters,
      sharedLimit: try allowShared(shared, function, "\(field).shared"))
  }

  /// Lets a function have what its launches want, and says how much that may be.
  private func allowShared(_ shared: LaunchExpression, _ function: CUDAFunction, _ field: String) throws -> Int {
    let device = context.device
    let held = (try? function.attributes().staticSharedBytes) ?? 0
    let standard = device.sharedBytesPerBlock - held, limit = device.sharedBytesPerBlockOptIn - held
    if let bytes = shared.constant {
      if bytes < 0 || bytes > limit {
        throw LaunchRecordError(
          field, "\(bytes) bytes; \(device.name) has \(limit) for a block beside the \(held) of \(function.name) itself"
        )
      }
      if bytes > standard { try function.allowDynamicShared(bytes: bytes) }
      return bytes
    }
    if limit > standard { try function.allowDynamicShared(bytes: limit) }
    return limit
  }

  private mutating func source(
    of parameter: LaunchRecord.Parameter, _ field: String
  ) throws -> LaunchPlan.PlannedParameter.Source {
    func wrong(_ what: String) -> LaunchRecordError {
      LaunchRecordError(
        "\(field).type", "\(parameter.name) is \(what), which is not passed as \(parameter.kind.rawValue)")
    }
    let name = parameter.name, kind = parameter.kind
    if kind == .null { return .null }
    let isNumber = kind != .pointer && kind != .tensorMap
    if let value = parameter.value { return .expression(try number(value, "\(field).value")) }
    if let index = record.tensorMaps.firstIndex(where: { $0.name == name }) {
      guard kind == .tensorMap else { throw wrong("a tensor map") }
      return .map(index)
    }
    if let index = tensor(named: name) {
      guard kind == .pointer else { throw wrong("a tensor") }
      return .address(index)
    }
    if let index = record.scratch.firstIndex(where: { $0.name == name }) {
      guard kind == .pointer else { throw wrong("scratch memory") }
      return .address(arguments.slots.count + index)
    }
    if let index = index(of: name) {
      guard isNumber else { throw wrong("a host scalar") }
      if arguments.slots[index].dtype.isFloatingPoint && (kind == .i32 || kind == .i64) {
        throw wrong("a host scalar of \(arguments.slots[index].dtype.rawValue)")
      }
      return .scalar(index)
    }
    if let place = place(of: name) {
      guard isNumber else { throw wrong("a number") }
      return .number(place)
    }
    throw LaunchRecordError(
      "\(field).name",
      "\(name) is no input, output or axis of \(definition.name), no let, scratch or tensor map of the record, and not "
        + "sm_count or <tensor>_stride_<axis>")
  }
}

extension String {
  fileprivate func range(ofLast text: String) -> Range<Index>? {
    var found: Range<Index>?
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(text) { found = index..<self.index(index, offsetBy: text.count) }
      index = self.index(after: index)
    }
    return found
  }
}
