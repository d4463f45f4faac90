// The handles of the C interface: numbers that are looked up, so that one that was closed is found out.
//
// A handle is the kind of its object, the number of its slot and how often that slot has been used before; no
// number comes twice. A call first counts itself in as a user of the slot and then looks whether the handle
// still lives there; who closes a handle first takes its number out of the slot and then waits until nobody
// else uses it. Neither looking up nor leaving ever waits, so that an audio thread can.
#pragma once

#include <retrograd/c.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace retrograd::c {

enum class Kind : std::uint64_t { patch = 1, tape, stream, instrument };

/// How a call shares its object with others.
enum class Sharing {
  any_thread,     ///< with all of them
  one_at_a_time,  ///< with those for any thread
  alone,          ///< with none: waits until the others have left
};

struct Slot {
  std::atomic<std::uint64_t> id{0};  // of the handle that lives here; 0: none
  std::atomic<int> users{0};         // calls that are inside, or looking
  std::atomic<bool> in_turn{false};  // one of them goes one at a time
  std::atomic<bool> is_shut{false};  // one of them is alone, or about to be
  void* object = nullptr;
  int channels = 0;  // as given to open(); constant while the handle lives
  std::uint64_t times_used = 0;
  Slot* next_free = nullptr;
  std::uint32_t index = 0;
};

/// A new handle of `object`, which it takes over. Allocates. `channels` can be asked for even where the object
/// is busy.
std::uint64_t open(Kind kind, void* object, int channels);

/// A call's hold on a slot. Never waits, allocates or throws, except to be alone, which waits.
class Hold {
 public:
  Hold(std::uint64_t id, Kind kind, Sharing sharing) noexcept;
  ~Hold();
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  /// RG_OK, RG_BAD_HANDLE or RG_BUSY.
  rg_status status() const noexcept { return status_; }
  void* object() const noexcept { return slot_->object; }
  /// 0 for a bad handle.
  int channels() const noexcept { return channels_; }

 private:
  Slot* slot_ = nullptr;
  int channels_ = 0;
  Sharing sharing_;
  rg_status status_ = RG_BAD_HANDLE;
};

/// Takes the handle out of its slot, waits for the calls that are inside, and gives the object back. Null where
/// the handle is not open.
void* close(std::uint64_t id, Kind kind) noexcept;

/// The object of a handle while a call uses it. T::kind says which handles it has.
template <class T>
class Use {
 public:
  Use(std::uint64_t id, Sharing sharing) noexcept : hold_(id, T::kind, sharing) {}
  rg_status status() const noexcept { return hold_.status(); }
  int channels() const noexcept { return hold_.channels(); }
  T& operator*() const noexcept { return *static_cast<T*>(hold_.object()); }
  T* operator->() const noexcept { return static_cast<T*>(hold_.object()); }

 private:
  Hold hold_;
};

template <class Handle, class T>
Handle open(std::unique_ptr<T> object, int channels = 0) {
  const Handle handle{open(T::kind, object.get(), channels)};
  object.release();
  return handle;
}

/// RG_OK for a handle of zeros: there is nothing to close.
template <class T>
rg_status close(std::uint64_t id) noexcept {
  if (id == 0) return RG_OK;
  const std::unique_ptr<T> object(static_cast<T*>(close(id, T::kind)));
  return object ? RG_OK : RG_BAD_HANDLE;
}

}  // namespace retrograd::c
