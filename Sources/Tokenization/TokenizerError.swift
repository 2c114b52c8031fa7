import JSONText

/// Why a tokenizer could not be built from its data.
public enum TokenizerError: Error, Sendable, Hashable, CustomStringConvertible {
  /// `tokenizer.json` or `tokenizer_config.json` is not well formed, or a value has the wrong kind.
  case json(JSONError)
  /// The data asks for something this module does not do: which key, what it says, what is supported.
  case unsupported(key: String, found: String, supported: String)
  /// The data contradicts itself: where, what was found, what would be right.
  case invalid(place: String, found: String, expected: String)

  public var description: String {
    switch self {
    case .json(let error): "tokenizer.json: \(error)"
    case .unsupported(let key, let found, let supported): "\(key): \(found) is not supported; supported: \(supported)"
    case .invalid(let place, let found, let expected): "\(place): found \(found), expected \(expected)"
    }
  }
}

/// `text` cut to a length that suits an error message, in quotes.
func quoted(_ text: String) -> String {
  let limit = 200
  return "\"" + text.prefix(limit) + (text.count > limit ? "…" : "") + "\""
}
