// cp.async: each thread keeps a list of what it began; what it waits for lands.
#include "../parts/copies.h"

#include <cstring>

#include "blocks.h"
#include "races.h"

namespace emulation {

void cp_async(void* shared, const void* global, uint32_t bytes, uint32_t valid) {
  if (bytes != 4 && bytes != 8 && bytes != 16) fault("cp.async: %u bytes; it copies 4, 8 or 16", bytes);
  if (valid > bytes) fault("cp.async: %u bytes of %u", valid, bytes);
  if (reinterpret_cast<uintptr_t>(shared) % bytes != 0 || (valid > 0 && reinterpret_cast<uintptr_t>(global) % bytes != 0)) {
    fault_with(misaligned_address, "cp.async: %u bytes from %p to %p, which are not both multiples of it", bytes, global, shared);
  }
  note_write(shared, bytes, __builtin_return_address(0));
  if (valid > 0) note_read(global, valid, __builtin_return_address(0));
  memset(shared, 0xff, bytes);
  PendingCopies& pending = Worker::current->copies(*self);
  pending.copies.push_back({shared, global, bytes, valid, pending.group});
}

void cp_async_commit() { ++Worker::current->copies(*self).group; }

/// Lands the copies of groups before `end`, in the order in which they were begun.
static void land(PendingCopies& pending, uint32_t end, const void* caller) {
  size_t kept = 0;
  for (const PendingCopy& copy : pending.copies) {
    if (static_cast<int32_t>(copy.group - end) >= 0) {
      pending.copies[kept++] = copy;
      continue;
    }
    note_write(copy.shared, copy.bytes, caller);
    memcpy(copy.shared, copy.global, copy.valid);
    memset(static_cast<char*>(copy.shared) + copy.valid, 0, copy.bytes - copy.valid);
  }
  pending.copies.resize(kept);
}

void cp_async_wait(uint32_t pending) {
  PendingCopies& copies = Worker::current->copies(*self);
  if (pending > copies.group - copies.landed) return;
  copies.landed = copies.group - pending;
  land(copies, copies.landed, __builtin_return_address(0));
}

void cp_async_wait_all() {
  PendingCopies& copies = Worker::current->copies(*self);
  copies.landed = copies.group;
  land(copies, copies.group + 1, __builtin_return_address(0));
}

}  // namespace emulation
