/// Writes safetensors files as a test wants them.
public struct SafetensorsBuilder {
  /// The JSON text of the header, and the length written before it (nil is the truth).
  public var header: String
  public var claimedLength: UInt64?
  public var data: [UInt8]

  public init(header: String, data: [UInt8], claimedLength: UInt64? = nil) {
    (self.header, self.data, self.claimedLength) = (header, data, claimedLength)
  }

  /// Tensors one after the other; `bytes` of each is of the given size, filled with 0x3C.
  public init(_ tensors: [(name: String, dtype: String, shape: [Int], bytes: Int)]) {
    var members: [String] = [], end = 0
    for tensor in tensors {
      let entry =
        #"{"dtype":"\#(tensor.dtype)","shape":\#(tensor.shape),"data_offsets":[\#(end),\#(end + tensor.bytes)]}"#
      members.append("\"\(tensor.name)\":" + entry)
      end += tensor.bytes
    }
    let text = "{" + members.joined(separator: ",") + "}"
    // The header is padded with blanks, so that the data begin at a multiple of 8.
    header = text + String(repeating: " ", count: (8 - text.utf8.count % 8) % 8)
    data = [UInt8](repeating: 0x3C, count: end)
  }

  public var headerBytes: Int { 8 + header.utf8.count }

  public func build() -> [UInt8] { little(claimedLength ?? UInt64(header.utf8.count)) + Array(header.utf8) + data }
}
