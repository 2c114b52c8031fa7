#include "races.h"

#include <atomic>

#include "blocks.h"

namespace emulation {

namespace {

std::atomic<bool> races_wanted{false};

std::string describe_thread(uint32_t number, const dim3& block) {
  char text[64];
  snprintf(text, sizeof(text), "thread (%u, %u, %u)", number % block.x, number / block.x % block.y,
           number / block.x / block.y);
  return text;
}

}  // namespace

bool Races::wanted() { return races_wanted.load(std::memory_order_relaxed); }
void Races::want() { races_wanted = true; }

Races::Page& Races::page(uintptr_t number) {
  if (!pages_) pages_.reset(new std::unique_ptr<Page>[page_slots]);
  std::unique_ptr<Page>& slot = pages_[number % page_slots];
  if (!slot || slot->number != number) {
    slot = std::make_unique<Page>();
    slot->number = number;
  }
  return *slot;
}

uint16_t Races::place_of(const void* caller) {
  auto& [last_caller, last_place] = recent_places_[reinterpret_cast<uintptr_t>(caller) % recent_count];
  if (last_caller == caller) return last_place;
  last_caller = caller;
  return last_place = find_place(caller);
}

uint16_t Races::find_place(const void* caller) {
  const auto known = places_.find(caller);
  if (known != places_.end()) return known->second;
  if (callers_.empty()) callers_.push_back(nullptr);
  if (callers_.size() >= atomic_bit) return 0;   // an unknown place
  const uint16_t place = static_cast<uint16_t>(callers_.size());
  callers_.push_back(caller);
  return places_[caller] = place;
}

bool Races::unordered(const Access& before, const Access& now) const {
  if (before.block_epoch < first_epoch_ || before.thread == now.thread) return false;
  if (before.place & now.place & atomic_bit) return false;
  if (now.block_epoch > before.block_epoch) return false;
  return before.thread / 32 != now.thread / 32 || now.warp_epoch <= before.warp_epoch;
}

/// Keeps reads of two warps where there are any: then each write of another thread finds one that is not its own.
void Races::remember_read(Cell& cell, const Access& now) const {
  Access& first = cell.reads[0];
  Access& second = cell.reads[1];
  if (first.block_epoch < now.block_epoch || first.thread == now.thread) {
    first = now;
  } else if (second.block_epoch < now.block_epoch || second.thread / 32 == now.thread / 32 ||
             second.thread / 32 == first.thread / 32) {
    second = now;
  }
}

void Races::access(uintptr_t address, size_t bytes, Kind kind, const void* caller) {
  const Thread& thread = *self;
  if (worker_.stacks().contains(address)) return;   // a variable of the thread
  if (address - reinterpret_cast<uintptr_t>(&thread) < sizeof(Thread)) return;   // its threadIdx
  if (address - reinterpret_cast<uintptr_t>(emulation::position) < sizeof(Position)) return;
  Access now;
  now.block_epoch = thread.block_epoch;
  now.warp_epoch = thread.warp_epoch;
  now.thread = static_cast<uint16_t>(thread.number);
  now.place = place_of(caller);
  if (kind == Kind::atomic) now.place |= atomic_bit;
  Page* page = nullptr;
  for (size_t i = 0; i < bytes; ++i) {
    const uintptr_t byte = address + i;
    if (!page || byte % page_bytes == 0) page = &this->page(byte / page_bytes);
    Cell& cell = page->cells[byte % page_bytes];
    if (unordered(cell.write, now)) report(byte, bytes, kind, now, cell.write, "wrote");
    if (kind == Kind::read) {
      remember_read(cell, now);
      continue;
    }
    for (const Access& read : cell.reads) {
      if (unordered(read, now)) report(byte, bytes, kind, now, read, "read");
    }
    cell.write = now;
  }
}

void Races::report(uintptr_t address, size_t bytes, Kind kind, const Access& now, const Access& before, const char* did) {
  const dim3 block = worker_.position().block_size;
  const auto place = [&](const Access& access) {
    return describe_address(callers_[access.place & static_cast<uint16_t>(~atomic_bit)]);
  };
  std::string text = where_we_are() + ": race: ";
  text += kind == Kind::read ? "reads " : kind == Kind::write ? "writes " : "atomically updates ";
  text += std::to_string(bytes) + " bytes at " + worker_.describe_memory(address) + ", " + place(now) + ", which " +
          describe_thread(before.thread, block) + " " + did + " at " + place(before) + " with no barrier between";
  worker_.stop(Fault{launch_failed, std::move(text)});
}

namespace {

void note(const void* address, size_t bytes, Races::Kind kind, const void* caller) {
  Worker* worker = Worker::current;
  if (!worker || !self || !worker->races()) return;
  worker->races()->access(reinterpret_cast<uintptr_t>(address), bytes, kind, caller);
}

}  // namespace

void note_read(const void* address, size_t bytes, const void* caller) { note(address, bytes, Races::Kind::read, caller); }
void note_write(const void* address, size_t bytes, const void* caller) { note(address, bytes, Races::Kind::write, caller); }
void note_atomic(const void* address, size_t bytes, const void* caller) {
  note(address, bytes, Races::Kind::atomic, caller);
}

}  // namespace emulation
