import Glibc

/// What a path given by a person holds.
enum ModelLocation {
  case gguf(file: String)
  case huggingFace(folder: String)

  static func find(_ path: String) throws(ModelLoadingError) -> ModelLocation {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw ModelLoadingError(.unreadable, file: path, String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      if path.hasSuffix(".safetensors") {
        throw ModelLoadingError(
          .unreadable, file: path, "weights without their config.json; give the folder that holds both")
      }
      return .gguf(file: path)
    }
    let entries = names(in: path)
    if entries.contains("config.json") { return .huggingFace(folder: path) }
    let gguf = entries.filter { $0.hasSuffix(".gguf") }
    guard let only = gguf.first else {
      throw ModelLoadingError(.unreadable, file: path, "the folder holds neither config.json nor a .gguf file")
    }
    guard gguf.count == 1 else {
      throw ModelLoadingError(
        .unreadable, file: path, "the folder holds \(gguf.count) .gguf files; name one: \(gguf.joined(separator: ", "))"
      )
    }
    return .gguf(file: path + "/" + only)
  }

  private static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) {
          String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
        })
    }
    return names.sorted()
  }
}
