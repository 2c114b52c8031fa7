import JSONText

/// The answers of `GET /v1/models` and `GET /v1/models/{id}`.
enum ModelList {
  static func json(_ models: [ServedModel]) -> String {
    "{\"object\":\"list\",\"data\":[" + models.map(json).joined(separator: ",") + "]}"
  }

  static func json(_ model: ServedModel) -> String {
    var out = "{\"id\":"
    appendQuoted(model.id, to: &out)
    out += ",\"object\":\"model\",\"created\":\(model.created),\"owned_by\":\"swiftlet\""
    return out + ",\"max_model_len\":\(model.contextLength)}"
  }

  /// The model that a path names; the name may hold slashes, plain or percent-encoded.
  static func name(inPath path: String) -> String {
    let encoded = Array(path.dropFirst("/v1/models/".count).utf8)
    var bytes: [UInt8] = []
    var i = 0
    while i < encoded.count {
      if encoded[i] == UInt8(ascii: "%"), i + 2 < encoded.count, let high = hex(encoded[i + 1]),
        let low = hex(encoded[i + 2])
      {
        bytes.append(high << 4 | low)
        i += 3
      } else {
        bytes.append(encoded[i])
        i += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func hex(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46, 0x61...0x66: (byte | 0x20) - 0x61 + 10
    default: nil
    }
  }
}
