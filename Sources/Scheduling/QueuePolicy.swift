/// Which waiting request is admitted first. Raw values are the names of the command line.
///
/// Requests that were preempted, or overtaken `maxOvertakes` times, come before all others, the oldest first.
public enum QueuePolicy: String, Sendable, Hashable, CaseIterable {
  /// In the order of arrival.
  case firstComeFirstServed = "fcfs"
  /// The one of whose tokens the most are in the cache.
  case longestPrefixMatch = "lpm"
  /// Those with the same cached prefix one after the other, the prefix with the most requests first: the tree is walked
  /// in depth, heavier branches before lighter ones.
  case depthFirstWeight = "dfs-weight"
  /// The one of the highest priority.
  case priority
}
