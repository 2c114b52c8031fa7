/// A C-ordered little-endian float32 array in NumPy's .npy format.
public struct NumPyFile {
  public let shape: [Int]
  public let values: [Float]

  /// - name: below Tests/Fixtures.
  public init(_ name: String) throws {
    let bytes = try Fixtures.bytes(name)
    guard bytes.count > 10, Array(bytes[0..<6]) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], bytes[6] == 1 else {
      throw NumPyError(description: "\(name) is not a version 1 .npy file")
    }
    let headerSize = Int(bytes[8]) | Int(bytes[9]) << 8
    let header = String(decoding: bytes[10..<10 + headerSize], as: UTF8.self)
    guard header.contains("'<f4'"), header.contains("'fortran_order': False"),
      let open = header.firstIndex(of: "("), let close = header.firstIndex(of: ")")
    else { throw NumPyError(description: "\(name) is not a float32 array in C order: \(header)") }
    shape = header[header.index(after: open)..<close].split(separator: ",")
      .compactMap { Int($0.drop { $0 == " " }) }
    let data = bytes[(10 + headerSize)...]
    let count = shape.reduce(1, *)
    guard data.count == count * 4 else {
      throw NumPyError(description: "\(name) holds \(data.count) bytes for \(shape)")
    }
    values = data.withUnsafeBytes { raw in (0..<count).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
  }

  /// One row of a two-dimensional array.
  public func row(_ i: Int) -> ArraySlice<Float> { values[i * shape[1]..<(i + 1) * shape[1]] }
}

public struct NumPyError: Error, CustomStringConvertible { public let description: String }
