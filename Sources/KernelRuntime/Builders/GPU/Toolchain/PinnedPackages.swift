/// The packages that `make kernels-toolchain` installs, with their versions: Scripts/kernels-toolchain.txt.
enum PinnedPackages {
  static let all: [(name: String, version: String)] = {
    let text = String(decoding: PackageResources.kernels_toolchain_txt, as: UTF8.self)
    return text.split(separator: "\n").compactMap { line in
      let words = line.prefix { $0 != "#" && $0 != " " }
      guard let equals = words.firstIndex(of: "="), words[equals...].hasPrefix("==") else { return nil }
      return (String(words[..<equals]), String(words[equals...].dropFirst(2)))
    }
  }()

  /// A package's name as the folder of its metadata spells it.
  static func folderName(_ name: String) -> String { String(name.map { $0 == "-" ? "_" : $0 }) }
}
