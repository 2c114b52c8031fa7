extension LaunchRecord {
  /// More of anything than a plan has: what a record may make its reader do stays bounded.
  private static let countLimit = 256
  /// Names that every expression may use.
  static let deviceFacts = ["sm_count", "target"]

  /// What can be said without the definition and the image.
  /// - Throws: the first rule that is broken.
  func check() throws(LaunchRecordError) {
    for (field, text) in [
      ("solution", solution), ("operation", operation), ("definition", definition), ("language", language),
      ("target", target),
    ] where text.isEmpty { throw LaunchRecordError(field, "empty, expected a name") }
    try checkTarget()
    for (field, count) in [
      ("let", lets.count), ("scratch", scratch.count), ("tensor_maps", tensorMaps.count),
      ("launches", launches.count), ("constants", constants.count),
    ] where count > Self.countLimit {
      throw LaunchRecordError(field, "\(count) entries; there may be \(Self.countLimit)")
    }
    if launches.isEmpty && target != Self.interpreted {
      throw LaunchRecordError("launches", "empty, expected one launch or more")
    }
    try checkNames()
    for (index, map) in tensorMaps.enumerated() { try map.check(at: "tensor_maps[\(index)]") }
    for (index, launch) in launches.enumerated() { try launch.check(at: "launches[\(index)]") }
  }

  private func checkTarget() throws(LaunchRecordError) {
    switch target {
    case Self.interpreted:
      if image != nil { throw LaunchRecordError("image", "what is interpreted has no image, expected null") }
    case Self.emulated: try checkImage()
    default:
      if targetNumber == nil {
        throw LaunchRecordError("target", "\"\(target)\", expected sm_80, sm_90a …, emulated or interpreted")
      }
      try checkImage()
    }
  }

  private func checkImage() throws(LaunchRecordError) {
    guard let image else { throw LaunchRecordError("image", "missing, expected a file's name: kernel.cubin") }
    try checkFile(image, "image")
    for (index, launch) in launches.enumerated() {
      if let image = launch.image { try checkFile(image, "launches[\(index)].image") }
    }
  }

  private func checkFile(_ image: String, _ field: String) throws(LaunchRecordError) {
    if image.isEmpty || image.contains("/") || image == ".." || image == "." || image.utf8.contains(0) {
      throw LaunchRecordError(field, "\"\(image)\", expected a file's name without folders")
    }
  }

  /// A name has one meaning.
  private func checkNames() throws(LaunchRecordError) {
    var seen: [String: String] = ["sm_count": "a fact of the device", "target": "a fact of the device"]
    func claim(_ name: String, _ field: String) throws(LaunchRecordError) {
      if !Self.isName(name) { throw LaunchRecordError(field, "\"\(name)\" is no name") }
      if let other = seen[name] { throw LaunchRecordError(field, "\(name) is already \(other)") }
      seen[name] = field
    }
    for constant in constants { try claim(constant.name, "constants.\(constant.name)") }
    for (index, member) in lets.enumerated() { try claim(member.name, "let[\(index)]") }
    for (index, member) in scratch.enumerated() { try claim(member.name, "scratch[\(index)]") }
    for (index, map) in tensorMaps.enumerated() { try claim(map.name, "tensor_maps[\(index)].name") }
  }

  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, first < 0x30 || first > 0x39 else { return false }
    return text.utf8.allSatisfy {
      ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x5F
    }
  }
}

extension LaunchRecord.TensorMap {
  fileprivate func check(at field: String) throws(LaunchRecordError) {
    let rank = extents.count
    if rank < 1 || rank > 5 { throw LaunchRecordError("\(field).extents", "\(rank) axes, expected one to five") }
    for (name, count, expected) in [
      ("strides", strides.count, rank - 1), ("box", box.count, rank), ("element_strides", elementStrides.count, rank),
    ] where count != expected {
      throw LaunchRecordError("\(field).\(name)", "\(count) entries for \(rank) axes, expected \(expected)")
    }
    func oneOf(_ name: String, _ value: Int, _ known: [Int]) throws(LaunchRecordError) {
      if !known.contains(value) {
        throw LaunchRecordError(
          "\(field).\(name)", "\(value), expected one of \(known.map(String.init).joined(separator: ", "))")
      }
    }
    try oneOf("swizzle", swizzle, [0, 32, 64, 128])
    try oneOf("interleave", interleave, [0, 16, 32])
    try oneOf("l2_promotion", l2Promotion, [0, 64, 128, 256])
    try oneOf("fill", fill, [0, 1])
    for (index, size) in box.enumerated() where size < 1 || size > 256 {
      throw LaunchRecordError("\(field).box[\(index)]", "\(size), expected 1 to 256")
    }
    for (index, stride) in elementStrides.enumerated() where stride < 1 || stride > 8 {
      throw LaunchRecordError("\(field).element_strides[\(index)]", "\(stride), expected 1 to 8")
    }
  }
}

extension LaunchRecord.Launch {
  /// Bytes of all parameters that a kernel may have (since compute capability 7.0 with CUDA 12.1: 32764).
  private static let parameterLimit = 32764

  fileprivate func check(at field: String) throws(LaunchRecordError) {
    if entry.isEmpty { throw LaunchRecordError("\(field).entry", "empty, expected a function's name") }
    for (name, count) in [("grid", grid.count), ("block", block.count), ("cluster", cluster.count)] where count != 3 {
      throw LaunchRecordError("\(field).\(name)", "\(count) parts, expected one to three")
    }
    for (index, size) in cluster.enumerated() where size < 1 || size > 16 {
      throw LaunchRecordError("\(field).cluster[\(index)]", "\(size), expected 1 to 16")
    }
    if cluster.reduce(1, *) > 16 {
      throw LaunchRecordError("\(field).cluster", "\(cluster.reduce(1, *)) blocks, expected 16 at most")
    }
    var names: Set<String> = []
    for (index, parameter) in parameters.enumerated() {
      let place = "\(field).parameters[\(index)]"
      if parameter.name.isEmpty { throw LaunchRecordError("\(place).name", "empty, expected a name") }
      if !names.insert(parameter.name).inserted {
        throw LaunchRecordError("\(place).name", "\(parameter.name) is there twice")
      }
      if parameter.value != nil, ![.i32, .i64, .f32, .f64].contains(parameter.kind) {
        throw LaunchRecordError("\(place).value", "a \(parameter.kind.rawValue) has no value: its name says what it is")
      }
    }
    if parameters.reduce(0, { $0 + $1.kind.byteCount }) > Self.parameterLimit {
      throw LaunchRecordError("\(field).parameters", "more than \(Self.parameterLimit) bytes")
    }
    // Known sizes; the others are looked at in each call.
    let limits = [1024, 1024, 64]
    for axis in 0..<3 {
      if let size = block[axis].constant, size < 1 || size > limits[axis] {
        throw LaunchRecordError("\(field).block[\(axis)]", "\(size), expected 1 to \(limits[axis])")
      }
      if axis > 0, let size = grid[axis].constant, size > 65535 {
        throw LaunchRecordError("\(field).grid[\(axis)]", "\(size), a grid has at most 65535 blocks in y and z")
      }
    }
  }
}
