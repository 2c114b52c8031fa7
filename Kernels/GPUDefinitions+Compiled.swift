import Tensors
import Traces

extension GPUDefinitions {
  /// What is compiled ahead of time where nothing else is asked for: real models, and of the small definitions one for each
  /// set of element types and tags, and for each head dimension of attention. Other sizes give no other code.
  public static let compiled: [Definition] = {
    var names = Set<String>(), kinds = Set<String>()
    let small = conformance.filter { kinds.insert(kind(of: $0)).inserted }
    var isSampled = false  // vocabularies differ in one number
    return (benchmark + small).filter { definition in
      if definition.opType == "sampling" {
        defer { isSampled = true }
        if isSampled { return false }
      }
      return names.insert(definition.name).inserted
    }
  }()

  private static func kind(of definition: Definition) -> String {
    let types = definition.inputs.map { "\($0.name) \($0.value.dtype.rawValue)" }
    let meaning = definition.tags.filter { tag in
      !["in_place:", "strided", "bucket:", "cost:"].contains { tag.hasPrefix($0) }
    }
    let dimension = definition.opType.hasPrefix("gqa") ? definition.axes["head_dim"]?.value ?? 0 : 0
    return ([definition.opType, "\(dimension)"] + types + meaning).joined(separator: ",")
  }
}
