/// What the assembler says about each kernel when asked with `-v`.
///
///     ptxas info    : Compiling entry function 'rmsnorm' for 'sm_90a'
///     ptxas info    : Function properties for rmsnorm
///         0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
///     ptxas info    : Used 40 registers, used 1 barriers, 128 bytes smem
enum PTXASLog {
  /// - image: the file that the kernels are in, where the record says so.
  static func resources(_ log: String, image: String? = nil) -> [LaunchRecord.Resources] {
    var found: [LaunchRecord.Resources] = []
    for line in log.split(separator: "\n") {
      if let mark = line.firstRange(of: "Compiling entry function '") {
        let name = line[mark.upperBound...].prefix { $0 != "'" }
        found.append(.init(entry: String(name), registers: 0, image: image))
      } else if found.isEmpty {
        continue
      } else if line.contains("bytes stack frame") {
        // Functions that were not inlined have a line of their own: they count for the kernel.
        let last = found.count - 1
        found[last].stack = max(found[last].stack, number(before: " bytes stack frame", in: line))
        found[last].spillStores += number(before: " bytes spill stores", in: line)
        found[last].spillLoads += number(before: " bytes spill loads", in: line)
      } else if line.contains("Used ") {
        found[found.count - 1].registers = number(before: " registers", in: line)
        found[found.count - 1].staticShared = number(before: " bytes smem", in: line)
      }
    }
    return found
  }

  private static func number(before mark: String, in line: Substring) -> Int {
    guard let place = line.firstRange(of: mark) else { return 0 }
    let digits = line[..<place.lowerBound].reversed().prefix { $0.isNumber }
    return Int(String(digits.reversed())) ?? 0
  }
}
