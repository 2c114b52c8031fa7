import Glibc

/// A bounded second level for pages of KV memory: slots of equal size in a file without a name, or in host memory.
///
///     let file = try PageFile(directory: "/var/cache", slotCount: 1000, slotBytes: 368_640)
///     try file.save(regionsOfPage, to: 3)
///     try file.load(3, into: regionsOfOtherPage)
///
/// A page is spread over many regions of memory (one for each layer, say); a slot holds their bytes one after another.
/// What a slot held is remembered as a checksum, so that bytes which are not those that were saved are an error. The
/// file is readable by nobody else and gone when this object goes. It does no buffering of its own: the system's page
/// cache holds what the disk has not taken yet.
///
/// Not thread-safe: it belongs to one thread at a time.
public final class PageFile {
  /// Slots there are, and the bytes of each.
  public let slotCount: Int, slotBytes: Int
  /// The name in messages: `unnamed file in FOLDER`, or `host memory`.
  public let file: String
  /// What was saved and loaded without an error.
  public private(set) var saves = TransferRecord(), loads = TransferRecord()
  /// Slots that can be loaded.
  public private(set) var savedCount = 0

  enum Place {
    case file(Int32)
    case memory(UnsafeMutableRawBufferPointer)
  }

  let place: Place
  /// The checksum of what was saved in each slot; nil where there is nothing.
  private var checksums: [UInt64?]
  private let transfer = VectorTransfer()

  /// Makes room for `slotCount` slots of `slotBytes` bytes: in a sparse, unnamed file in `directory`, or in host memory
  /// when that is nil. Nothing is written yet.
  ///
  /// The room must be there now; it is not taken from others, so that saving can still fail for want of it.
  /// - Throws: ``PageStorageError`` when a number is below 1, the folder cannot be used, or the file system, the
  ///   machine's memory or a limit of the process is too small.
  public convenience init(directory: String?, slotCount: Int, slotBytes: Int) throws(PageStorageError) {
    try self.init(directory: directory, slotCount: slotCount, slotBytes: slotBytes, way: .tryUnnamedFirst)
  }

  convenience init(
    directory: String?, slotCount: Int, slotBytes: Int, way: UnnamedFile.Way
  ) throws(PageStorageError) {
    let label = directory.map { "unnamed file in \(printable($0))" } ?? "host memory"
    let total = try Self.totalBytes(slotCount, slotBytes, label)
    let place: Place
    if let directory {
      place = .file(try Self.sizedFile(in: directory, total, label, way))
    } else {
      place = .memory(try Self.hostMemory(total, label))
    }
    self.init(place, label, slotCount, slotBytes)
  }

  /// Takes over a place of at least `slotCount * slotBytes` bytes.
  init(_ place: Place, _ label: String, _ slotCount: Int, _ slotBytes: Int) {
    (self.place, file, self.slotCount, self.slotBytes) = (place, label, slotCount, slotBytes)
    checksums = Array(repeating: nil, count: slotCount)
  }

  deinit {
    switch place {
    case .file(let descriptor): close(descriptor)
    case .memory(let bytes): munmap(bytes.baseAddress, bytes.count)
    }
  }

  /// Whether a slot can be loaded.
  public func isSaved(_ slot: Int) -> Bool { checksums.indices.contains(slot) && checksums[slot] != nil }

  /// Writes the regions' bytes, one after another, into a slot; what it held before is forgotten, even on an error.
  ///
  /// - Parameter regions: `slotBytes` bytes together; some may be empty.
  /// - Throws: ``PageStorageError`` when there is no such slot, the regions' bytes are too few or too many, or writing
  ///   fails.
  public func save(_ regions: [UnsafeRawBufferPointer], to slot: Int) throws(PageStorageError) {
    try check(slot, regions.reduce(0) { $0 + $1.count })
    discard(slot)
    let start = monotonicSeconds()
    var checksum = PageChecksum()
    switch place {
    case .memory(let memory):
      var at = slot * slotBytes
      for region in regions {
        UnsafeMutableRawBufferPointer(rebasing: memory[at..<at + region.count]).copyMemory(from: region)
        checksum.update(region)
        at += region.count
      }
    case .file(let descriptor):
      for region in regions { checksum.update(region) }
      let outcome = transfer.move(.write, descriptor, at: slot * slotBytes, count: regions.count) { regions[$0] }
      switch outcome {
      case .done: break
      case .failed(let code): throw PageStorageError(systemCode: code, file: file, subject: "slot \(slot)", "written")
      case .ended(let count): throw ended(slot, "takes no more bytes", count)
      }
    }
    checksums[slot] = checksum.value
    savedCount += 1
    saves.add(bytes: slotBytes, seconds: monotonicSeconds() - start)
  }

  /// Reads a slot's bytes into the regions, one after another. The slot keeps them.
  ///
  /// - Parameter regions: `slotBytes` bytes together; after an error they hold anything.
  /// - Throws: ``PageStorageError`` when there is no such slot, nothing was saved in it, the regions' bytes are too few
  ///   or too many, reading fails, or the bytes are not those that were saved.
  public func load(_ slot: Int, into regions: [UnsafeMutableRawBufferPointer]) throws(PageStorageError) {
    try check(slot, regions.reduce(0) { $0 + $1.count })
    guard let expected = checksums[slot] else {
      throw PageStorageError(.notSaved, file: file, subject: "slot \(slot)", "nothing is saved in it")
    }
    let start = monotonicSeconds()
    var checksum = PageChecksum()
    switch place {
    case .memory(let memory):
      var at = slot * slotBytes
      for region in regions {
        region.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[at..<at + region.count]))
        checksum.update(UnsafeRawBufferPointer(region))
        at += region.count
      }
    case .file(let descriptor):
      let outcome = transfer.move(.read, descriptor, at: slot * slotBytes, count: regions.count) {
        UnsafeRawBufferPointer(regions[$0])
      }
      switch outcome {
      case .done: break
      case .failed(let code): throw PageStorageError(systemCode: code, file: file, subject: "slot \(slot)", "read")
      case .ended(let count): throw ended(slot, "ends within the slot", count)
      }
      for region in regions { checksum.update(UnsafeRawBufferPointer(region)) }
    }
    let found = checksum.value
    guard found == expected else {
      throw PageStorageError(
        .damaged, file: file, subject: "slot \(slot)", "its bytes are not those that were saved",
        expected: "checksum \(hexadecimal(expected))", found: hexadecimal(found))
    }
    loads.add(bytes: slotBytes, seconds: monotonicSeconds() - start)
  }

  /// Forgets what a slot holds; its room stays with the file for the next page. Without effect on an empty slot.
  public func discard(_ slot: Int) {
    guard isSaved(slot) else { return }
    checksums[slot] = nil
    savedCount -= 1
  }

  private func check(_ slot: Int, _ bytes: Int) throws(PageStorageError) {
    guard checksums.indices.contains(slot) else {
      throw PageStorageError(
        .invalid, file: file, subject: "slot \(slot)", "there is no such slot", expected: "0 to \(slotCount - 1)")
    }
    guard bytes == slotBytes else {
      throw PageStorageError(
        .invalid, file: file, subject: "slot \(slot)", "the regions have another size than a slot",
        expected: "\(slotBytes) bytes", found: "\(bytes)")
    }
  }

  private func ended(_ slot: Int, _ reason: String, _ count: Int) -> PageStorageError {
    PageStorageError(
      .damaged, file: file, subject: "slot \(slot)", "the file \(reason)", expected: "\(slotBytes) bytes",
      found: "\(count)")
  }
}
