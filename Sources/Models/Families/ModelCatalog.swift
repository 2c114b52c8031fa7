/// The families that can be loaded. One line each.
enum ModelCatalog {
  static let families: [Family] = [.llama, .mistral, .qwen2, .qwen3]

  static func family(ggufArchitecture name: String) -> Family? { families.first { $0.ggufArchitecture == name } }

  /// By `architectures`, else by `model_type`.
  static func family(architectures: [String], modelType: String?) -> Family? {
    families.first { family in architectures.contains { family.architectures.contains($0) } }
      ?? families.first { $0.name == modelType && architectures.isEmpty }
  }

  static var ggufArchitectures: String { families.compactMap(\.ggufArchitecture).joined(separator: ", ") }
  static var architectures: String { families.flatMap(\.architectures).joined(separator: ", ") }
}
