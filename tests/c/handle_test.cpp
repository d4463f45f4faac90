// Handles of the C interface: used after they were closed, of another kind, from several threads.
#include <doctest/doctest.h>
#include <retrograd/c.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

rg_patch default_rack() {
  rg_patch patch{};
  REQUIRE(rg_patch_default(&patch) == RG_OK);
  return patch;
}

}  // namespace

TEST_CASE("the library has the version of its header and of the project") {
  CHECK(std::string(rg_version()) == RG_VERSION);
  CHECK(std::string(rg_version()) == RETROGRAD_VERSION);
}

TEST_CASE("every status has words of its own") {
  std::vector<std::string> texts;
  for (const rg_status status :
       {RG_OK, RG_NOT_PREPARED, RG_BAD_BLOCK, RG_BAD_INPUT, RG_NOT_FINITE, RG_BAD_HANDLE, RG_BUSY,
        RG_BAD_ARGUMENT, RG_BAD_VALUE, RG_BAD_SHAPE, RG_BAD_FILE, RG_BAD_CALL, RG_NOT_TAKEN, RG_NO_DEVICE,
        RG_NO_MEMORY, RG_INTERNAL}) {
    const std::string text = rg_status_text(status);
    CHECK(text != rg_status_text(12345));
    for (const std::string& other : texts) CHECK(text != other);
    texts.push_back(text);
  }
}

TEST_CASE("a patch that was closed is a bad handle, and says so") {
  const rg_patch patch = default_rack();
  CHECK(rg_patch_close(patch) == RG_OK);
  double value = 17.0;
  CHECK(rg_patch_get(patch, 0, &value) == RG_BAD_HANDLE);
  CHECK(value == 17.0);
  CHECK(std::string(rg_last_error()).find("closed") != std::string::npos);
  CHECK(rg_patch_set(patch, 0, 1.0) == RG_BAD_HANDLE);
  CHECK(rg_patch_save(patch, "never-written.toml") == RG_BAD_HANDLE);
  float sample = 0.0f;
  CHECK(rg_render(patch, &sample, 1) == RG_BAD_HANDLE);
  rg_tape tape{77};
  CHECK(rg_tape_open(patch, nullptr, &tape) == RG_BAD_HANDLE);
  CHECK(tape.id == 0);
  CHECK(rg_patch_close(patch) == RG_BAD_HANDLE);
}

TEST_CASE("a new handle in a closed one's place is another handle") {
  const rg_patch closed = default_rack();
  rg_patch_close(closed);
  std::vector<rg_patch> open;
  for (int i = 0; i < 300; ++i) open.push_back(default_rack());
  double value = 0.0;
  CHECK(rg_patch_get(closed, 0, &value) == RG_BAD_HANDLE);
  for (const rg_patch patch : open) {
    CHECK(patch.id != closed.id);
    CHECK(rg_patch_get(patch, 0, &value) == RG_OK);
    CHECK(rg_patch_close(patch) == RG_OK);
  }
}

TEST_CASE("numbers that were never handles are bad handles") {
  double value = 0.0;
  const std::uint64_t numbers[] = {0,
                                   1,
                                   0xFFFFFF,
                                   std::uint64_t{1} << 60,
                                   ~std::uint64_t{0},
                                   (std::uint64_t{1} << 60) + (1 << 24),
                                   0x1FFFFFFFFFFFFFFF};
  for (const std::uint64_t id : numbers) CHECK(rg_patch_get(rg_patch{id}, 0, &value) == RG_BAD_HANDLE);
  CHECK(rg_patch_close(rg_patch{1}) == RG_BAD_HANDLE);
  CHECK(rg_patch_close(rg_patch{0}) == RG_OK);
}

TEST_CASE("a handle of another kind is a bad handle") {
  const rg_patch patch = default_rack();
  float sample = 0.0f;
  CHECK(rg_tape_play(rg_tape{patch.id}, &sample, 1) == RG_BAD_HANDLE);
  CHECK(rg_tape_close(rg_tape{patch.id}) == RG_BAD_HANDLE);
  CHECK(rg_patch_close(patch) == RG_OK);
}

TEST_CASE("one thread's errors are not another's") {
  CHECK(rg_patch_load("no-such-file.toml", nullptr) == RG_BAD_ARGUMENT);
  const std::string mine = rg_last_error();
  std::thread([&] {
    CHECK(std::strlen(rg_last_error()) == 0);
    rg_patch patch{};
    CHECK(rg_patch_load("no-such-file.toml", &patch) == RG_BAD_FILE);
    CHECK(std::string(rg_last_error()).find("no-such-file.toml") != std::string::npos);
  }).join();
  CHECK(mine == rg_last_error());
}

TEST_CASE("closing waits for calls that are inside, and later ones find a bad handle") {
  for (int round = 0; round < 50; ++round) {
    const rg_patch patch = default_rack();
    std::atomic<int> calls{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        for (;;) {
          double value = 0.0;
          const rg_status status = rg_patch_get(patch, 0, &value);
          ++calls;
          if (status == RG_BAD_HANDLE) return;
          CHECK(status == RG_OK);
          CHECK(value == 300.0);
        }
      });
    while (calls < 10) std::this_thread::yield();
    CHECK(rg_patch_close(patch) == RG_OK);
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_CASE("a patch that several threads change at once has the value of one of them") {
  const rg_patch patch = default_rack();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) CHECK(rg_patch_set(patch, t, 1.0 + t * 0.1) == RG_OK);
    });
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) {
    double value = 0.0;
    CHECK(rg_patch_get(patch, t, &value) == RG_OK);
    CHECK(value == 1.0 + t * 0.1);
  }
  rg_patch_close(patch);
}

TEST_CASE("a second call on a tape that is at work is told so and does not wait") {
  const rg_patch patch = default_rack();
  rg_patch_set_duration(patch, 4.0);
  rg_tape_options options;
  REQUIRE(rg_tape_options_init(&options, sizeof options) == RG_OK);
  options.rows = 16;
  rg_tape tape{};
  REQUIRE(rg_tape_open(patch, &options, &tape) == RG_OK);
  std::vector<float> samples(16 * 4 * 44100);
  std::atomic<bool> is_done{false};
  std::thread player([&] {
    const auto count = static_cast<std::int64_t>(samples.size());
    while (rg_tape_play(tape, samples.data(), count) == RG_BUSY) std::this_thread::yield();
    is_done = true;
  });
  int busy = 0;
  while (!is_done) {
    const rg_status status = rg_tape_set(tape, nullptr, 0);
    CHECK((status == RG_BUSY || status == RG_BAD_ARGUMENT));
    if (status == RG_BUSY) ++busy;
  }
  player.join();
  CHECK(busy > 0);
  rg_tape_close(tape);
  rg_patch_close(patch);
}
