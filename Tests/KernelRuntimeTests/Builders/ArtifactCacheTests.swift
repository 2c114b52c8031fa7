import Glibc
import Synchronization
import Testing
import Traces

@testable import KernelRuntime

@Suite("The artifact cache") struct ArtifactCacheTests {
  private let folder = TemporaryFolder()

  private func recipe(
    _ sources: [(String, String)] = [("a/main.cpp", "int x;")], entry: String = "a/main.cpp::run", tool: String = "1",
    flags: [String] = ["-O3"], target: String = "here", destination: Bool = true, artifact: String? = "artifact.so"
  ) -> BuildRecipe {
    BuildRecipe(
      BuildSpec(language: .cpp, targetHardware: ["cpu"], entryPoint: entry, destinationPassingStyle: destination),
      sources: sources.map { SourceFile(path: $0.0, content: $0.1) }, tool: Tool(path: "/bin/cc", version: tool),
      flags: flags, target: target, artifactName: artifact)
  }

  private func make(_ folder: String) throws(KernelError) {
    try CacheFiles.write("made", to: folder + "/artifact.so")
  }

  @Test("tells recipes apart by everything that goes into a build")
  func hashes() {
    let recipes = [
      recipe(), recipe([("a/main.cpp", "int y;")]), recipe([("a/main.cp", "pint x;")]), recipe(entry: "a/main.cpp::go"),
      recipe(tool: "2"), recipe(flags: ["-O2"]), recipe(flags: ["-O", "3"]), recipe(target: "there"),
      recipe(destination: false),
    ]
    #expect(Set(recipes.map(\.hash)).count == recipes.count)
    #expect(recipe().hash == recipe().hash)
  }

  @Test("builds once, then answers from memory, and another process from disk")
  func levels() throws {
    let cache = ArtifactCache(root: folder.path)
    var builds = 0
    func ask(_ cache: ArtifactCache) throws -> ArtifactCache.Artifact {
      try cache.artifact(for: recipe(), solution: "s") { folder throws(KernelError) in
        builds += 1
        #expect(folder.hasPrefix(self.folder.path + "/cpp/"))
        try make(folder)
      }
    }
    let first = try ask(cache)
    #expect(!first.isFromCache)
    #expect(try ask(cache).isFromCache)
    let other = try ask(ArtifactCache(root: folder.path))
    #expect(other.isFromCache && other.path == first.path)
    #expect(builds == 1)
    #expect(CacheFiles.read(first.sourceFolder + "/a/main.cpp") == Array("int x;".utf8))
  }

  @Test(
    "builds again when the artifact is gone, was changed, or has no record",
    arguments: [
      "rm \"$1\"/artifact.so", "printf 'mad!' > \"$1\"/artifact.so", ": > \"$1\"/artifact.so", "rm \"$1\"/record.json",
      "echo '{' > \"$1\"/record.json", "rm -r \"$1\"", "printf '{\"hash\":[]}' > \"$1\"/record.json",
    ])
  func damage(script: String) throws {
    let artifact = try ArtifactCache(root: folder.path).artifact(for: recipe(), solution: "s", build: make)
    try runShell(script, artifact.folder)
    let again = try ArtifactCache(root: folder.path).artifact(for: recipe(), solution: "s", build: make)
    #expect(!again.isFromCache)
    #expect(CacheFiles.read(again.path) == Array("made".utf8))
    #expect(try ArtifactCache(root: folder.path).artifact(for: recipe(), solution: "s", build: make).isFromCache)
  }

  @Test("the memory notices that the disk changed")
  func memoryIsChecked() throws {
    let cache = ArtifactCache(root: folder.path)
    let artifact = try cache.artifact(for: recipe(), solution: "s", build: make)
    try runShell("rm \"$1\"", artifact.path)
    #expect(try !cache.artifact(for: recipe(), solution: "s", build: make).isFromCache)
  }

  @Test("sources used as they are count as damaged when their text changed")
  func changedSources() throws {
    let plain = recipe(artifact: nil)
    let artifact = try ArtifactCache(root: folder.path).artifact(for: plain, solution: "s") { _ in }
    #expect(try ArtifactCache(root: folder.path).artifact(for: plain, solution: "s") { _ in }.isFromCache)
    try runShell("echo '// more' >> \"$1\"/a/main.cpp", artifact.sourceFolder)
    #expect(try !ArtifactCache(root: folder.path).artifact(for: plain, solution: "s") { _ in }.isFromCache)
    #expect(CacheFiles.read(artifact.sourceFolder + "/a/main.cpp") == Array("int x;".utf8))
  }

  @Test("a failed build is remembered in memory, and leaves nothing on disk")
  func failures() throws {
    let cache = ArtifactCache(root: folder.path)
    var attempts = 0
    for _ in 0..<2 {
      let error = failure {
        _ = try cache.artifact(for: recipe(), solution: "s") { _ throws(KernelError) in
          attempts += 1
          throw KernelError(.buildFailed, "line 1: no")
        }
      }
      #expect(error?.reason == "line 1: no")
    }
    #expect(attempts == 1)
    #expect(cache.list().isEmpty)
    #expect(CacheFiles.names(in: folder.path + "/cpp").filter { !$0.hasSuffix(".lock") }.isEmpty)
    #expect(try !ArtifactCache(root: folder.path).artifact(for: recipe(), solution: "s", build: make).isFromCache)
  }

  @Test("a build that leaves no artifact is an error")
  func noArtifact() {
    let error = failure { _ = try ArtifactCache(root: folder.path).artifact(for: recipe(), solution: "s") { _ in } }
    #expect(error?.reason.contains("left no artifact.so") == true)
  }

  @Test("many at once build once, whether they share the cache or only the disk")
  func concurrency() throws {
    let shared = ArtifactCache(root: folder.path), builds = Atomic(0), fromCache = Atomic(0)
    let recipe = recipe(), root = folder.path
    let threads = (0..<8).map { i in
      Thread {
        let cache = i % 2 == 0 ? shared : ArtifactCache(root: root)
        let artifact = try? cache.artifact(for: recipe, solution: "s") { folder throws(KernelError) in
          builds.add(1, ordering: .relaxed)
          usleep(30_000)
          try CacheFiles.write("made", to: folder + "/artifact.so")
        }
        if artifact?.isFromCache == true { fromCache.add(1, ordering: .relaxed) }
      }
    }
    for thread in threads { thread.join() }
    #expect(builds.load(ordering: .relaxed) == 1)
    #expect(fromCache.load(ordering: .relaxed) == 7)
  }

  @Test("waits for another process's build no longer than it was told")
  func lockLimit() throws {
    let cache = ArtifactCache(root: folder.path), recipe = recipe()
    try runShell("mkdir -p \"$1\"/cpp", folder.path)
    let lock = try FileLock("\(folder.path)/cpp/\(recipe.hash).lock", within: .seconds(1))
    let error = failure {
      _ = try cache.artifact(for: recipe, solution: "s", lockLimit: .milliseconds(50), build: make)
    }
    #expect(error?.reason.contains("another process has held") == true)
    withExtendedLifetime(lock) {}
  }

  @Test("leaves of a killed build are removed by the next one")
  func leftovers() throws {
    let stale = "\(folder.path)/cpp/\(recipe().hash).tmp99"
    try runShell("mkdir -p \"$1\"/sources", stale)
    _ = try ArtifactCache(root: folder.path).artifact(for: recipe(), solution: "s", build: make)
    #expect(!CacheFiles.isDirectory(stale))
  }

  @Test(
    "refuses paths that leave the folder",
    arguments: ["../out.cpp", "/etc/out", "a/../../b", "a//b", "./a", "", "a\0b", ".."])
  func paths(path: String) {
    let error = failure {
      _ = try ArtifactCache(root: folder.path).artifact(for: recipe([(path, "x")]), solution: "s", build: make)
    }
    #expect(error?.code == .buildFailed && error?.reason.contains("is refused") == true)
  }

  @Test("lists what it holds, and clears that and nothing else")
  func listing() throws {
    let cache = ArtifactCache(root: folder.path)
    let artifact = try cache.artifact(for: recipe(), solution: "fast one", build: make)
    let damaged = try cache.artifact(for: recipe(flags: []), solution: "other", build: make)
    try runShell(
      "rm \"$1\"/record.json; mkdir \"$2\"/notes; echo hi > \"$2\"/cpp/mine.txt", damaged.folder, folder.path)
    let entries = cache.list()
    #expect(entries.count == 2)
    let entry = try #require(entries.first { $0.hash == artifact.hash })
    #expect(entry.language == "cpp" && entry.solution == "fast one" && entry.bytes > 10 && entry.date?.count == 20)
    #expect(entries.first { $0.hash == damaged.hash }.map { $0.solution == nil } == true)
    #expect(try cache.clear() == entries)
    #expect(cache.list().isEmpty)
    #expect(CacheFiles.names(in: folder.path) == ["cpp", "notes"])
    #expect(CacheFiles.names(in: folder.path + "/cpp") == ["mine.txt"])
    #expect(try !cache.artifact(for: recipe(), solution: "s", build: make).isFromCache)
  }

  @Test("an empty or absent folder lists nothing")
  func absent() throws {
    let cache = ArtifactCache(root: folder.path + "/none")
    #expect(cache.list().isEmpty)
    #expect(try cache.clear().isEmpty)
  }
}

/// A plain thread with a body.
private final class Thread {
  private var thread = pthread_t()
  init(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(body))
    pthread_create(
      &thread, nil,
      { raw in
        Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
  }
  func join() { pthread_join(thread, nil) }
  private final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
