import JSONText
import Traces

extension RecordedFrequencies {
  /// Where the counts of a definition lie in a trace set.
  public static func path(root: String, opType: String, definition: String) -> String {
    "\(root)/frequencies/\(opType)/\(definition).json"
  }

  /// The counts that a trace set holds for a definition; nil when there are none.
  /// - Throws: when the file cannot be read, or does not hold counts of this definition's axes.
  public static func load(root: String, definition: Definition) throws(SchemaError) -> RecordedFrequencies? {
    let path = path(root: root, opType: definition.opType, definition: definition.name)
    guard FileStore.exists(path) else { return nil }
    let bytes = try FileStore.read(path)
    do throws(SchemaError) {
      let value: JSONValue
      do throws(JSONError) { value = try JSONValue(parsing: bytes) } catch {
        throw SchemaError(.jsonInvalid, error.description)
      }
      return try RecordedFrequencies(value, definition)
    } catch {
      throw error.located(file: path)
    }
  }

  private init(_ value: JSONValue, _ definition: Definition) throws(SchemaError) {
    self.init(definition: definition)
    guard value["definition"]?.string == definition.name else {
      throw Self.refusal("expected the counts of \(definition.name)", "definition")
    }
    for (number, entry) in (value["axes"]?.array ?? []).enumerated() {
      guard let axes = entry["axes"]?.object, axes.keys.allSatisfy(axisNames.contains) else {
        throw Self.refusal("expected sizes of the axes \(axisNames)", "axes", number)
      }
      var sizes: [Int] = []
      for name in axisNames {
        guard let size = axes[name] else {
          sizes.append(-1)
          continue
        }
        guard let size = size.int, size >= 0 else {
          throw Self.refusal("expected a size of \(name) from 0", "axes", number)
        }
        sizes.append(size)
      }
      add(try Self.count(entry["calls"], "axes", number), sizes: sizes)
    }
    others = try Self.count(value["others"], "others")
    for (number, entry) in (value["layers"]?.array ?? []).enumerated() {
      let count = try Self.count(entry["calls"], "layers", number)
      if let layer = entry["layer"]?.int { layers[layer] = count } else { withoutLayer = count }
    }
  }

  private static func count(
    _ value: JSONValue?, _ member: String, _ element: Int? = nil
  ) throws(SchemaError) -> Int {
    guard let count = value?.int, count >= 0 else {
      throw refusal("expected a number of calls, an integer from 0", member, element)
    }
    return count
  }

  private static func refusal(_ reason: String, _ member: String, _ element: Int? = nil) -> SchemaError {
    SchemaError(.valueError, reason, path: [.member(member)] + (element.map { [.element($0)] } ?? []))
  }

  /// The file's text.
  var json: [UInt8] {
    let entries = sorted.map { sizes, count in
      let known = zip(axisNames, sizes).filter { $0.1 >= 0 }.map { ($0.0, JSONValue.int($0.1)) }
      return JSONValue.object(JSONObject([("axes", .object(JSONObject(known))), ("calls", .int(count))]))
    }
    func layer(_ layer: JSONValue, _ count: Int) -> JSONValue {
      .object(JSONObject([("layer", layer), ("calls", .int(count))]))
    }
    let byLayer = layers.sorted { $0.key < $1.key }.map { layer(.int($0.key), $0.value) }
    let document = JSONValue.object(
      JSONObject([
        ("definition", .string(definition)), ("op_type", .string(opType)), ("calls", .int(total)),
        ("axes", .array(entries)), ("others", .int(others)),
        ("layers", .array(byLayer + (withoutLayer > 0 ? [layer(.null, withoutLayer)] : []))),
      ]))
    return Array(document.pretty.utf8)
  }

  /// Adds these counts to those in the file.
  /// - limit: sets of axes that the file may hold.
  func save(root: String, definition: Definition, limit: Int) throws(SchemaError) {
    let path = Self.path(root: root, opType: opType, definition: self.definition)
    let folder = FileStore.parent(of: path)
    try FileStore.makeDirectory(folder)
    let lock = try FolderLock(folder)
    defer { withExtendedLifetime(lock) {} }
    // A damaged or outdated file is replaced: counts begin anew.
    let earlier = (try? Self.load(root: root, definition: definition)) ?? nil
    var sum = earlier ?? RecordedFrequencies(definition: definition)
    sum.add(self, limit: limit)
    try FileStore.replace(path, with: sum.json)
  }
}
