import JSONText

/// Where each trace of a loaded set stands: in which file, on which line. `TraceSet` keeps the traces only.
struct LinePlaces {
  struct Place: Hashable {
    let file: String, line: Int
  }
  /// By definition, in the order of loading.
  private var places: [String: [Place]] = [:]

  /// Reads the files of `workloads/` or `traces/` again, without the lines that loading refused.
  init(_ part: String, of set: TraceSet) {
    guard let root = set.root else { return }
    var refused: Set<Place> = []
    for diagnostic in set.diagnostics where diagnostic.kind != .leniency {
      if let file = diagnostic.file, let line = diagnostic.line { refused.insert(Place(file: file, line: line)) }
    }
    for file in FolderListing.files(under: "\(root)/\(part)", suffix: ".jsonl") {
      guard let bytes = try? FileStore.read(file) else { continue }
      TraceLines.forEach(in: bytes) { number, line in
        let place = Place(file: file, line: number)
        guard !refused.contains(place), let definition = (try? JSONValue(parsing: Array(line)))?["definition"]?.string
        else { return }
        places[definition, default: []].append(place)
      }
    }
  }

  /// The place of a definition's trace by its index, when the files still hold as many as were loaded.
  func place(of index: Int, among count: Int, definition: String) -> Place? {
    let known = places[definition, default: []]
    return known.count == count && known.indices.contains(index) ? known[index] : nil
  }
}
