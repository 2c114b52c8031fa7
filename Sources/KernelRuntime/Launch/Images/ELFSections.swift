/// The sections of a 64-bit little-endian ELF file: names and places, all within the file.
struct ELFSections {
  struct Section {
    let name: String
    let range: Range<Int>
  }
  let sections: [Section]
  private static let headerBytes = 64, entryBytes = 64
  /// SHT_NOBITS: a section without bytes in the file.
  private static let noBits = 8

  init(_ bytes: [UInt8]) throws(CubinError) {
    guard bytes.count >= Self.headerBytes, bytes[0..<4].elementsEqual([0x7f, 0x45, 0x4c, 0x46]) else {
      throw CubinError("not an ELF file (\(bytes.count) bytes)")
    }
    guard bytes[4] == 2, bytes[5] == 1 else { throw CubinError("not a 64-bit little-endian ELF file") }
    func number(_ offset: Int, _ width: Int) -> UInt64 {
      (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) }
    }
    /// `start ..< start + count` when that lies in the file.
    func range(_ start: UInt64, _ count: UInt64) -> Range<Int>? {
      let (end, overflows) = start.addingReportingOverflow(count)
      guard !overflows, end <= UInt64(bytes.count) else { return nil }
      return Int(start)..<Int(end)
    }
    let count = number(0x3c, 2), size = number(0x3a, 2), names = number(0x3e, 2)
    guard count > 0 else {
      sections = []
      return
    }
    guard size == Self.entryBytes, let table = range(number(0x28, 8), count * UInt64(Self.entryBytes)) else {
      throw CubinError("the table of \(count) sections lies outside of the file's \(bytes.count) bytes")
    }
    func header(_ index: Int) -> Int { table.lowerBound + index * Self.entryBytes }
    guard names < count, let strings = range(number(header(Int(names)) + 24, 8), number(header(Int(names)) + 32, 8))
    else {
      throw CubinError("the names of the sections lie outside of the file")
    }
    var sections: [Section] = []
    for index in 0..<Int(count) {
      let at = header(index), nameAt = number(at, 4)
      guard nameAt < UInt64(strings.count) else { throw CubinError("section \(index) has no name within the names") }
      let rest = bytes[(strings.lowerBound + Int(nameAt))..<strings.upperBound]
      guard let end = rest.firstIndex(of: 0) else { throw CubinError("the name of section \(index) does not end") }
      let name = String(decoding: rest[..<end], as: UTF8.self)
      if number(at + 4, 4) == Self.noBits { continue }
      guard let place = range(number(at + 24, 8), number(at + 32, 8)) else {
        throw CubinError("section \(index) (\(name)) lies outside of the file's \(bytes.count) bytes")
      }
      sections.append(Section(name: name, range: place))
    }
    self.sections = sections
  }
}
