#include <retrograd/c/handle.hpp>

#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <thread>

namespace retrograd::c {

namespace {

constexpr int index_bits = 24;
constexpr int kind_shift = 60;
constexpr std::uint32_t first_chunk = 64;  // slots; each chunk has twice as many as the one before
constexpr int chunks = 18;

// Chunks are never freed and slots never move: that is what lets a call look at a slot without a lock. They
// are made as they are needed, and nothing here runs before main or after it.
struct Slots {
  std::array<std::atomic<Slot*>, chunks> chunk{};
  std::mutex mutex;  // of what follows; for opening and closing alone
  Slot* free = nullptr;
  std::uint32_t made = 0;
};
constinit Slots slots;

// Chunk k begins at first_chunk * (2^k - 1).
Slot* slot_at(std::uint32_t index) {
  const int k = static_cast<int>(std::bit_width(index / first_chunk + 1)) - 1;
  if (k >= chunks) return nullptr;
  Slot* const chunk = slots.chunk[static_cast<std::size_t>(k)].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : chunk + (index - first_chunk * ((1u << k) - 1));
}

Slot* slot_of(std::uint64_t id, Kind kind) {
  if (id >> kind_shift != static_cast<std::uint64_t>(kind)) return nullptr;
  return slot_at(static_cast<std::uint32_t>(id & ((1u << index_bits) - 1)));
}

Slot* take_slot() {
  const std::lock_guard lock(slots.mutex);
  if (slots.free != nullptr) {
    Slot* const slot = slots.free;
    slots.free = slot->next_free;
    return slot;
  }
  const std::uint32_t index = slots.made;
  const int k = static_cast<int>(std::bit_width(index / first_chunk + 1)) - 1;
  if (k >= chunks) return nullptr;
  auto& chunk = slots.chunk[static_cast<std::size_t>(k)];
  if (chunk.load(std::memory_order_relaxed) == nullptr)
    chunk.store(new Slot[first_chunk << k], std::memory_order_release);
  ++slots.made;
  Slot* const slot = slot_at(index);
  slot->index = index;
  return slot;
}

}  // namespace

std::uint64_t open(Kind kind, void* object, int channels) {
  Slot* const slot = take_slot();
  if (slot == nullptr) throw std::bad_alloc();
  slot->object = object;
  slot->channels = channels;
  const std::uint64_t generation = ++slot->times_used & ((std::uint64_t{1} << (kind_shift - index_bits)) - 1);
  const std::uint64_t id =
      static_cast<std::uint64_t>(kind) << kind_shift | generation << index_bits | slot->index;
  slot->id.store(id);
  return id;
}

Hold::Hold(std::uint64_t id, Kind kind, Sharing sharing) noexcept : sharing_(sharing) {
  Slot* const slot = slot_of(id, kind);
  if (slot == nullptr) return;
  // First in, then a look: whoever closes the slot, or shuts it, looks in the other order.
  slot->users.fetch_add(1);
  if (slot->id.load() != id) {
    slot->users.fetch_sub(1);
    return;
  }
  channels_ = slot->channels;
  const bool has_turn = sharing == Sharing::any_thread || !slot->in_turn.exchange(true);
  if (!has_turn || slot->is_shut.load()) {
    if (has_turn && sharing != Sharing::any_thread) slot->in_turn.store(false);
    slot->users.fetch_sub(1);
    status_ = RG_BUSY;
    return;
  }
  if (sharing == Sharing::alone) {
    slot->is_shut.store(true);
    while (slot->users.load() > 1) std::this_thread::yield();
  }
  slot_ = slot;
  status_ = RG_OK;
}

Hold::~Hold() {
  if (slot_ == nullptr) return;
  if (sharing_ == Sharing::alone) slot_->is_shut.store(false);
  if (sharing_ != Sharing::any_thread) slot_->in_turn.store(false);
  slot_->users.fetch_sub(1);
}

void* close(std::uint64_t id, Kind kind) noexcept {
  Slot* const slot = slot_of(id, kind);
  if (slot == nullptr) return nullptr;
  std::uint64_t expected = id;
  if (!slot->id.compare_exchange_strong(expected, 0)) return nullptr;
  while (slot->users.load() > 0) std::this_thread::yield();
  void* const object = slot->object;
  slot->object = nullptr;
  const std::lock_guard lock(slots.mutex);
  slot->next_free = slots.free;
  slots.free = slot;
  return object;
}

}  // namespace retrograd::c
