import JSONText

/// One JSON document as text: read with positions, written in the three forms.
enum Document {
  /// Parses `text` and hands the tree to `body`.
  static func read<T>(
    _ text: ArraySlice<UInt8>, _ body: (inout DocumentReader, JSONValue, Origin) throws(SchemaError) -> T
  ) throws(SchemaError) -> T {
    let value = try parse(text)
    var reader = DocumentReader()
    return try body(&reader, value, .read(text))
  }

  /// The tree of one document, or where it stops being JSON.
  static func parse(_ text: ArraySlice<UInt8>) throws(SchemaError) -> JSONValue {
    do throws(JSONError) {
      return try text.withUnsafeBufferPointer { buffer throws(JSONError) in
        var reader = JSONReader(buffer)
        let value = try reader.readValue()
        try reader.expectEnd()
        return value
      }
    } catch {
      let isUnicode = text.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) } != nil
      var diagnostic = ValidationDiagnostic(
        isUnicode ? .jsonInvalid : .unicodeError,
        (isUnicode ? "" : "the text is not UTF-8: ") + "\(error.reason) (column \(error.column))")
      diagnostic.line = error.line
      throw SchemaError([diagnostic])
    }
  }

  /// A whole file: the text as it was read; else changes laid over it; else only the fields that are not at their default.
  static func text(_ encoded: JSONValue, _ shape: DocumentShape, _ origin: Origin) -> [UInt8] {
    if let exact = origin.exactText { return Array(exact) }
    let value = origin.value.map { shape.laying(encoded, over: $0) } ?? shape.withoutDefaults(encoded)
    return Array(value.pretty.utf8)
  }

  /// One line of JSON lines, without the line break: as it was read, else with every field.
  static func line(_ encoded: JSONValue, _ shape: DocumentShape, _ origin: Origin) -> [UInt8] {
    if let exact = origin.exactText { return Array(exact) }
    return Array((origin.value.map { shape.laying(encoded, over: $0) } ?? encoded).compact.utf8)
  }
}
