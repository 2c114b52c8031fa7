import JSONText

/// The conversation of a chat request, checked and brought to one form for the template.
enum ChatMessages {
  static let roles = ["system", "developer", "user", "assistant", "tool"]

  /// Objects with `role` and `content`: parts are joined, `developer` is `system`, unknown members are dropped.
  static func read(_ fields: FieldReader, limits: RequestLimits) throws(APIError) -> [JSONValue] {
    guard let elements = try fields.array("messages", limit: limits.messages) else {
      throw .invalid("messages", "'messages' is required: an array of at least one message")
    }
    if elements.isEmpty { throw .invalid("messages", "'messages' must have at least one message, found none") }
    var messages: [JSONValue] = []
    for (i, element) in elements.enumerated() {
      guard let object = element.object else {
        throw .invalid("messages[\(i)]", "'messages[\(i)]' must be an object, found \(element.kind)")
      }
      messages.append(try message(FieldReader(object, path: "messages[\(i)]")))
    }
    return messages
  }

  private static func message(_ fields: FieldReader) throws(APIError) -> JSONValue {
    guard let role = try fields.string("role") else {
      throw .invalid(fields.param("role"), "'\(fields.param("role"))' is required")
    }
    guard roles.contains(role) else {
      throw .invalid(
        fields.param("role"),
        "'\(fields.param("role"))' must be one of \(roles.joined(separator: ", ")), found "
          + FieldReader.describe(.string(role)))
    }
    var message = JSONObject([("role", .string(role == "developer" ? "system" : role))])
    let calls = try toolCalls(fields, role: role)
    message["content"] = try content(fields, mayBeNull: calls != nil).map(JSONValue.string) ?? .null
    if let calls { message["tool_calls"] = .array(calls) }
    if let name = try fields.string("name") { message["name"] = .string(name) }
    if let id = try fields.string("tool_call_id") { message["tool_call_id"] = .string(id) }
    return .object(message)
  }

  private static func toolCalls(_ fields: FieldReader, role: String) throws(APIError) -> [JSONValue]? {
    guard let calls = try fields.array("tool_calls", limit: 128), !calls.isEmpty else { return nil }
    guard role == "assistant" else {
      throw .invalid(fields.param("tool_calls"), "only a message of the assistant has 'tool_calls'")
    }
    for (i, call) in calls.enumerated() {
      let path = "\(fields.param("tool_calls"))[\(i)]"
      guard let object = call.object else { throw .invalid(path, "'\(path)' must be an object, found \(call.kind)") }
      guard let function = try FieldReader(object, path: path).object("function"), try function.string("name") != nil
      else { throw .invalid("\(path).function.name", "'\(path).function.name' is required") }
    }
    return calls
  }

  private static func content(_ fields: FieldReader, mayBeNull: Bool) throws(APIError) -> String? {
    let param = fields.param("content")
    guard let value = fields.value("content") else {
      if mayBeNull { return nil }
      throw .invalid(param, "'\(param)' is required: a string or an array of text parts")
    }
    switch value {
    case .string(let string): return string
    case .array(let parts):
      var text = ""
      for (i, part) in parts.enumerated() {
        let path = "\(param)[\(i)]"
        guard let object = part.object else { throw .invalid(path, "'\(path)' must be an object, found \(part.kind)") }
        let part = FieldReader(object, path: path)
        let type = try part.string("type")
        guard type == "text" else {
          throw .invalid(
            "\(path).type",
            "'\(path).type' must be \"text\" (this model reads text only), found "
              + (type.map { FieldReader.describe(.string($0)) } ?? "nothing"))
        }
        guard let string = try part.string("text") else {
          throw .invalid("\(path).text", "'\(path).text' is required: a string")
        }
        text += string
      }
      return text
    default: throw fields.wrongType("content", value, expected: "a string or an array of text parts")
    }
  }
}
