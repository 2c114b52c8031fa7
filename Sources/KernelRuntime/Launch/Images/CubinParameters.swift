/// What a cubin says about its kernels' parameters: how many there are, where they lie and how long they are.
///
/// Parameters are matched by name in the launch record; this is what the names are checked against, because a parameter too
/// few or of another size would be read from garbage. Source: the sections `.nv.info.<kernel>` of the ELF file, whose
/// attributes are not documented; those read here are the same from sm_80 to sm_100.
public struct CubinParameters: Sendable, Hashable {
  public struct Parameter: Sendable, Hashable {
    /// Position in the function's list.
    public let ordinal: Int
    /// Bytes from the start of the parameters.
    public let offset: Int
    public let byteCount: Int
  }
  public struct Entry: Sendable, Hashable {
    public let name: String
    /// By ordinal, without gaps.
    public let parameters: [Parameter]
    /// Bytes of all of them.
    public let parameterBytes: Int?
    /// `__launch_bounds__`, in x, y, z.
    public let maximumThreads: [Int]?
    /// The only block that it may be launched with, in x, y, z.
    public let requiredThreads: [Int]?
  }
  /// In the file's order.
  public let entries: [Entry]

  public subscript(name: String) -> Entry? { entries.first { $0.name == name } }

  /// - Throws: when the bytes are no 64-bit little-endian ELF file, or one that is cut off or contradicts itself.
  public init(_ bytes: [UInt8]) throws(CubinError) {
    let file = try ELFSections(bytes)
    var entries: [Entry] = []
    for section in file.sections where section.name.hasPrefix(".nv.info.") {
      entries.append(try Self.entry(String(section.name.dropFirst(".nv.info.".count)), bytes, section.range))
    }
    self.entries = entries
  }

  /// Attributes of a section: format, number, and a value of two bytes or, in format 4, of so many bytes as those two say.
  private static func entry(_ name: String, _ bytes: [UInt8], _ range: Range<Int>) throws(CubinError) -> Entry {
    var parameters: [Parameter] = [], size: Int?
    var maximum: [Int]?, required: [Int]?
    var place = range.lowerBound
    while place < range.upperBound {
      guard range.upperBound - place >= 4 else { throw CubinError("\(name): an attribute at byte \(place) is cut off") }
      let format = bytes[place], attribute = bytes[place + 1]
      let short = Int(bytes[place + 2]) | Int(bytes[place + 3]) << 8
      place += 4
      guard format == 4 else {
        if attribute == 0x19, format == 3 { size = short }
        continue
      }
      guard range.upperBound - place >= short else {
        throw CubinError("\(name): attribute \(attribute) at byte \(place) has \(short) bytes and is cut off")
      }
      func word(_ index: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[place + index * 4 + $1]) << (8 * $1) }
      }
      switch attribute {
      case 0x17 where short >= 12:  // index, ordinal and offset, flags and size
        parameters.append(Parameter(ordinal: word(1) & 0xffff, offset: word(1) >> 16, byteCount: word(2) >> 18))
      case 0x05 where short >= 12: maximum = (0..<3).map(word)
      case 0x10 where short >= 12: required = (0..<3).map(word)
      default: break
      }
      place += short
    }
    parameters.sort { $0.ordinal < $1.ordinal }
    for (index, parameter) in parameters.enumerated() where parameter.ordinal != index {
      throw CubinError("\(name): parameter \(index) is missing or there twice")
    }
    return Entry(
      name: name, parameters: parameters, parameterBytes: size, maximumThreads: maximum, requiredThreads: required)
  }
}

/// What is wrong with a cubin.
public struct CubinError: Error, Sendable, Hashable, CustomStringConvertible {
  public let reason: String
  public init(_ reason: String) { self.reason = reason }
  public var description: String { "cubin: \(reason)" }
}
