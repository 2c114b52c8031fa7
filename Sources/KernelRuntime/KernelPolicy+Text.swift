extension KernelPolicy {
  /// Reads the form of a `--kernels` flag: `auto`, or flavors separated by commas, best first.
  /// - Throws: `invalidPolicy` when the list is empty or names something twice.
  public init(list text: String) throws(KernelError) {
    if text == "auto" {
      self = .auto
      return
    }
    self.init(
      preferred: try Self.flavors(text.split(separator: ",", omittingEmptySubsequences: false), where: "--kernels"))
  }

  /// Reads a `kernels.yaml`: one key a line, whose value is a flavor or a list of them in brackets or in lines that begin
  /// with `- `. `default` is for all operations that are not named. Comments begin with `#`. This subset of YAML is all
  /// that the file needs; anything else is refused.
  /// - file: its name, for messages.
  /// - Throws: `invalidPolicy` with the line.
  public init(yaml text: String, file: String) throws(KernelError) {
    var entries: [(key: String, values: [Substring], line: Int)] = []
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let place = "\(file):\(number + 1)"
      let content = line.prefix { $0 != "#" }
      let trimmed = Self.trimmed(content)
      if trimmed.isEmpty || trimmed == "---" { continue }
      if trimmed.hasPrefix("- ") {
        guard !entries.isEmpty else { throw KernelError(.invalidPolicy, "\(place): a list item before any key") }
        entries[entries.count - 1].values.append(Self.trimmed(trimmed.dropFirst(2)))
        continue
      }
      guard !content.first!.isWhitespace, let colon = trimmed.firstIndex(of: ":") else {
        throw KernelError(.invalidPolicy, "\(place): expected `operation: language` or `operation: [language, …]`")
      }
      let key = String(Self.unquoted(Self.trimmed(trimmed[..<colon])))
      var value = Self.trimmed(trimmed[trimmed.index(after: colon)...])
      if let first = entries.first(where: { $0.key == key }) {
        throw KernelError(.invalidPolicy, "\(place): \(key) is set already in line \(first.line)")
      }
      if value.hasPrefix("[") {
        guard value.hasSuffix("]") else { throw KernelError(.invalidPolicy, "\(place): the list is not closed by ]") }
        value = value.dropFirst().dropLast()
      }
      let values = value.isEmpty ? [] : value.split(separator: ",", omittingEmptySubsequences: false)
      entries.append((key, values, number + 1))
    }
    self = .auto
    var hasList = false, hasSelection = false
    for entry in entries {
      let place = "\(file):\(entry.line)", values = entry.values.map(Self.trimmed).map(Self.unquoted)
      if try readSetting(entry.key, values, place) {
        if entry.key == "select" { hasSelection = true }
        continue
      }
      let flavors = try Self.flavors(values, where: place)
      if entry.key == "default" {
        (preferred, hasList) = (flavors, true)
      } else {
        do throws(KernelError) { _ = try Self.split(entry.key) } catch {
          throw KernelError(.invalidPolicy, "\(place): \(error.reason)")
        }
        overrides[entry.key] = flavors
      }
    }
    // A list without a word about choosing is followed as it stands.
    if hasList && !hasSelection { selection = .listed }
  }

  /// Reads the keys that are no operation.
  private mutating func readSetting(_ key: String, _ values: [Substring], _ place: String) throws(KernelError) -> Bool {
    let text = values.joined(separator: ",")
    func number(atLeast lowest: Double) throws(KernelError) -> Double {
      guard let value = Double(text), value.isFinite, value >= lowest else {
        throw KernelError(.invalidPolicy, "\(place): \(key) is \"\(text)\", expected a number of at least \(lowest)")
      }
      return value
    }
    switch key {
    case "select":
      guard let selection = Selection(text) else {
        throw KernelError(
          .invalidPolicy,
          "\(place): select is \"\(text)\", expected listed, batch-invariant, fastest or bounded-error ABSOLUTE RELATIVE"
        )
      }
      self.selection = selection
    case "hardware":
      guard let scope = HardwareScope(rawValue: text) else {
        throw KernelError(.invalidPolicy, "\(place): hardware is \"\(text)\", expected own, family or any")
      }
      hardware = scope
    case "nearest-limit": shapes.nearestLimit = try number(atLeast: 1)
    case "hysteresis": shapes.hysteresis = try number(atLeast: 0)
    default: return false
    }
    return true
  }

  private static func flavors(_ names: [Substring], where place: String) throws(KernelError) -> [KernelFlavor] {
    var flavors: [KernelFlavor] = []
    for name in names.map(trimmed) {
      guard !name.isEmpty else { throw KernelError(.invalidPolicy, "\(place): an empty name in the list of languages") }
      let flavor = KernelFlavor(rawValue: String(name))
      if flavors.contains(flavor) { throw KernelError(.invalidPolicy, "\(place): \(flavor) is named twice") }
      flavors.append(flavor)
    }
    guard flavors.contains(where: { $0 != .measured }) else {
      throw KernelError(.invalidPolicy, "\(place): names no language")
    }
    return flavors
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let start = text.drop { $0.isWhitespace }
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return start[...last]
  }

  private static func unquoted(_ text: Substring) -> Substring {
    guard text.count >= 2, let quote = text.first, quote == "\"" || quote == "'", text.last == quote else {
      return text
    }
    return text.dropFirst().dropLast()
  }
}
