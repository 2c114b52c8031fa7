/// The number of one page's place in the second level.
public typealias SlotID = Int32

/// A page's bytes on their way between KV memory and the second level.
///
/// Copies are made in the order in which they were decided, all of them before the step that follows: a page is saved
/// before others write it, and a slot is read before others take it.
public enum PageCopy: Sendable, Hashable {
  /// From KV memory to the second level.
  case save(page: PageID, slot: SlotID)
  /// From the second level to KV memory.
  case load(slot: SlotID, page: PageID)
}
