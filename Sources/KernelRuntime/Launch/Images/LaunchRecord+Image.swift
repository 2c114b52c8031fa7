extension LaunchRecord {
  /// Whether the names in the record can be the image's parameters: each function is there, has as many parameters, each as
  /// long as the record says, and may be launched with so many threads.
  /// - file: the image's name, when the launches' functions are in several: the others are left out.
  /// - Throws: the first difference, with the parameter's name.
  public func check(against image: CubinParameters, of file: String? = nil) throws(LaunchRecordError) {
    for (number, launch) in launches.enumerated() where file == nil || file == launch.image ?? self.image {
      let field = "launches[\(number)]"
      guard let entry = image[launch.entry] else {
        let names = image.entries.map(\.name)
        throw LaunchRecordError(
          "\(field).entry",
          "the image has no \(launch.entry); it has \(names.isEmpty ? "no kernels" : names.joined(separator: ", "))")
      }
      let named = launch.parameters.map(\.name)
      if entry.parameters.count != named.count {
        throw LaunchRecordError(
          "\(field).parameters",
          "\(launch.entry) has \(entry.parameters.count) parameters, the record names \(named.count): "
            + named.joined(separator: ", "))
      }
      for (parameter, found) in zip(launch.parameters, entry.parameters)
      where parameter.kind.byteCount != found.byteCount {
        throw LaunchRecordError(
          "\(field).parameters[\(found.ordinal)]",
          "\(parameter.name) is \(parameter.kind.rawValue), \(parameter.kind.byteCount) bytes; parameter \(found.ordinal) of "
            + "\(launch.entry) has \(found.byteCount)")
      }
      try launch.checkBlock(entry, at: field)
    }
  }
}

extension LaunchRecord.Launch {
  fileprivate func checkBlock(_ entry: CubinParameters.Entry, at field: String) throws(LaunchRecordError) {
    let sizes = block.compactMap(\.constant)
    guard sizes.count == 3 else { return }
    let threads = sizes.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
    if let required = entry.requiredThreads, required != sizes {
      throw LaunchRecordError(
        "\(field).block", "\(sizes), but \(self.entry) was compiled for blocks of exactly \(required) threads")
    }
    if let maximum = entry.maximumThreads {
      let limit = maximum.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
      if threads > limit {
        throw LaunchRecordError(
          "\(field).block", "\(threads) threads, but \(self.entry) was compiled for blocks of at most \(limit)")
      }
    }
  }
}
