// What a stream may not do in an audio callback: allocate, lock, make a system call, compute a denormal, leave
// the host's floating-point environment changed. All of it is counted, on the audio thread alone.
#include <doctest/doctest.h>

#include "../racks/fm_fixture.hpp"

#include <retrograd/c.h>
#include <retrograd/instrument/instrument.hpp>
#include <retrograd/nodes/all.hpp>
#include <retrograd/nodes/oscillator.hpp>
#include <retrograd/racks/rack_file.hpp>
#include <retrograd/racks/rack_stream.hpp>
#include <retrograd/stream/stream.hpp>

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cfenv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

using namespace retrograd;

// --- counting ------------------------------------------------------------------------------------

namespace {

// Of the thread that counts.
thread_local bool is_counting = false;
thread_local long allocations = 0, locks = 0;
std::atomic<long> system_calls{0};

void count(long& what) {
  if (is_counting) ++what;
}

}  // namespace

// The C library's own, by the names behind the public ones; operator new and delete come here too.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* memory);

void* malloc(std::size_t bytes) {
  count(allocations);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t elements, std::size_t bytes) {
  count(allocations);
  return __libc_calloc(elements, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
  count(allocations);
  return __libc_realloc(memory, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count(allocations);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  count(allocations);
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
  count(allocations);
  __libc_free(memory);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static const auto next =
      reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  count(locks);
  return next(mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) {
  static const auto next =
      reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(RTLD_NEXT, "pthread_mutex_trylock"));
  count(locks);
  return next(mutex);
}
}

namespace {

// From here on every system call of this thread, but the end of it, is counted and refused.
bool trap_system_calls() {
#if defined(__x86_64__)
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  action.sa_sigaction = [](int, siginfo_t*, void* context) {
    ++system_calls;
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
  };
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof filter / sizeof *filter, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
  return false;
#endif
}

struct Counts {
  bool traps = false;
  long allocations = 0, locks = 0, system_calls = 0;
};

// What `body` does, on a thread of its own.
template <class Body>
Counts counted(Body&& body) {
  Counts counts;
  std::thread([&] {
    counts.traps = trap_system_calls();
    allocations = locks = 0;
    system_calls = 0;
    is_counting = true;
    body();
    is_counting = false;
    counts.system_calls = system_calls;
    counts.allocations = allocations;
    counts.locks = locks;
  }).join();
  if (!counts.traps) MESSAGE("system calls cannot be trapped here: they were not counted");
  return counts;
}

// Random bits that need nothing of anybody.
struct Random {
  std::uint32_t state = 1;
  std::uint32_t operator()() { return state = state * 1664525u + 1013904223u, state >> 8; }
};

}  // namespace

TEST_CASE("what is counted is counted") {
  const Counts counts = counted([] {
    // By names that a compiler does not see through.
    void* (*volatile allocate)(std::size_t) = std::malloc;
    void (*volatile release)(void*) = std::free;
    release(allocate(100));
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
  CHECK(counts.allocations == 2);
  CHECK(counts.locks == 1);
  const Counts calls = counted([] { getppid(); });
  if (calls.traps) CHECK(calls.system_calls == 1);
}

TEST_CASE("a million blocks allocate nothing, lock nothing and make no system call") {
  constexpr int blocks = 1000000, most = 16;
  const Rack patch = default_rack();
  Stream stream = stream_of(patch, 4, {.gradients = true});
  stream.prepare(48000.0, 512);
  std::vector<float> gate(512), seed(512, 1.0f);
  std::vector<std::vector<float>> audio(4, std::vector<float>(512));
  const float* inputs[] = {gate.data(), nullptr, gate.data(), nullptr};
  float* outputs[] = {audio[0].data(), audio[1].data(), audio[2].data(), audio[3].data()};
  const float* seeds[] = {seed.data(), nullptr, seed.data(), nullptr};
  const int gain = stream.parameter("fm.operator.0.gain"), pitch = stream.parameter("note.frequency");

  std::atomic<bool> is_done{false};
  std::thread other([&] {
    Random random;
    while (!is_done) {
      stream.set(gain, 0.001 * (random() % 1000));
      stream.set(pitch, static_cast<int>(random() % 4), 100.0 + random() % 1000);
    }
  });
  long failures = 0;
  const Counts counts = counted([&] {
    Random random{7};
    for (int block = 0; block < blocks; ++block) {
      const int frames = static_cast<int>(random() % (block % 1000 == 0 ? 513 : most));
      for (int n = 0; n < frames; ++n) gate[static_cast<std::size_t>(n)] = block / 64 % 2 == 0 ? 1.0f : 0.0f;
      if (block % 50 == 0) {
        const int row = static_cast<int>(random() % 4), offset = static_cast<int>(random() % 20);
        stream.schedule({StreamEvent::Kind::restart, offset, 0, row, 0.0});
        stream.schedule({StreamEvent::Kind::jump, offset, pitch, row, 50.0 + random() % 2000});
        stream.schedule({StreamEvent::Kind::input, offset, 1, 0, block % 100 == 0 ? 1.0 : 0.0});
      }
      if (block % 10007 == 0) stream.reset();
      failures += stream.process(inputs, outputs, frames) != StreamStatus::ok;
      if (block % 100 == 3) failures += stream.rewind(seeds) != StreamStatus::ok;
    }
    // Bad calls as well.
    failures += stream.process(inputs, outputs, 513) != StreamStatus::bad_block;
    gate[0] = NAN;
    failures += stream.process(inputs, outputs, 512) != StreamStatus::bad_input;
    // And a row that goes wrong.
    gate[0] = 1.0f;
    stream.schedule({StreamEvent::Kind::jump, 100, gain, 1, 1e300});
    failures += stream.process(inputs, outputs, 512) != StreamStatus::not_finite;
    failures += stream.bad_channels().size() != 1 || stream.bad_channels()[0] != 1;
    failures += stream.rewind(seeds) != StreamStatus::not_finite;
  });
  is_done = true;
  other.join();
  CHECK(failures == 0);
  CHECK(counts.allocations == 0);
  CHECK(counts.locks == 0);
  CHECK(counts.system_calls == 0);
}

TEST_CASE("an instrument's notes and blocks allocate nothing, lock nothing and make no system call") {
  constexpr int blocks = 100000;
  Instrument instrument(default_rack(), {.voices = 4});
  instrument.prepare(48000.0, 256);
  const int gain = instrument.parameter("fm.operator.0.gain");
  std::vector<float> audio(256);
  long failures = 0;
  const Counts counts = counted([&] {
    Random random;
    for (int block = 0; block < blocks; ++block) {
      const int frames = static_cast<int>(random() % (block % 100 == 0 ? 257 : 16));
      const auto offset = [&] { return static_cast<int>(random() % 30); };
      const unsigned char message[] = {static_cast<unsigned char>(128 + random() % 128),
                                       static_cast<unsigned char>(random() % 128),
                                       static_cast<unsigned char>(random() % 128)};
      instrument.midi(message, 3, offset());
      instrument.note_on(50 + random() % 8, 0.5, offset());
      instrument.note_off(50 + random() % 8, offset());
      if (block % 20 == 0) instrument.pitch_bend(0.001 * (random() % 1000), offset());
      if (block % 30 == 0) instrument.sustain(random() % 2 == 0, offset());
      if (block % 1000 == 0) instrument.all_notes_off(offset());
      if (block % 10 == 0) instrument.set(gain, 0.001 * (random() % 1000));
      if (block % 5003 == 0)  // more than it holds
        for (int i = 0; i < 2 * Instrument::max_events; ++i) instrument.note_on(i % 100, 1.0, i % 200);
      if (block % 10007 == 0) instrument.reset();
      failures += instrument.process(audio.data(), frames) != StreamStatus::ok;
      failures += instrument.sounding() < 0;
    }
    failures += instrument.process(audio.data(), 257) != StreamStatus::bad_block;
  });
  CHECK(failures == 0);
  CHECK(counts.allocations == 0);
  CHECK(counts.locks == 0);
  CHECK(counts.system_calls == 0);
}

TEST_CASE("filters whose settings jump allocate nothing, lock nothing and make no system call") {
  const Rack rack = load_rack(RETROGRAD_SOURCE_ROOT "/tests/racks/filtered.toml");
  Stream stream = stream_of(rack, 2, {.gradients = true});
  stream.prepare(48000.0, 256);
  std::vector<float> gate(256, 1.0f), seed(256, 1.0f);
  std::vector<std::vector<float>> audio(2, std::vector<float>(256));
  const float *inputs[] = {gate.data(), gate.data()}, *seeds[] = {seed.data(), seed.data()};
  float* outputs[] = {audio[0].data(), audio[1].data()};
  const int cutoff = stream.parameter("low.cutoff"), resonance = stream.parameter("low.resonance"),
            formant = stream.parameter("vowel.frequency.1");
  long failures = 0;
  const Counts counts = counted([&] {
    Random random;
    for (int block = 0; block < 20000; ++block) {
      const int frames = static_cast<int>(random() % (block % 100 == 0 ? 257 : 40));
      stream.set(cutoff, 20.0 + random() % 20000);
      stream.set(resonance, 0.001 * (random() % 1001));
      stream.set(formant, 100.0 + random() % 4000);
      failures += stream.process(inputs, outputs, frames) != StreamStatus::ok;
      if (block % 10 == 0) failures += stream.rewind(seeds) != StreamStatus::ok;
    }
  });
  CHECK(failures == 0);
  CHECK(counts.allocations == 0);
  CHECK(counts.locks == 0);
  CHECK(counts.system_calls == 0);
}

TEST_CASE(
    "voices that sleep and wake, and their mix, allocate nothing, lock nothing and make no system call") {
  constexpr int voices = 8;
  for (const bool gradients : {false, true}) {
    Stream stream(
        [](Tape& tape) -> std::vector<Var> {
          const std::int64_t length = *tape.options().length;
          const Var gates = tape.input("gates", Tensor(Shape{voices, length}));
          const Var voice =
              record_fm(tape, FmNumbers::two_operators(), gates, tape.parameter("pitch", 300.0), voices)
                  .audio;
          const Var bus = mix(voice);
          const Var level = envelope_follower(voice, tape.constant(0.001), tape.parameter("release", 0.05));
          const Var bent = tanh_shaper(voice) + arctangent_shaper(voice) + fold_shaper(voice) +
                           clip_shaper(voice) + cubic_shaper(bus);
          const Var crushed_bus = crushed(bus, tape.constant(8.0), tape.constant(11025.0));
          return {tanh(bus) + cumulative_sum(bus * 0.001) * 0.01 + mix(bent * level) + crushed_bus};
        },
        {.gradients = gradients});
    stream.prepare(48000.0, 128);
    std::vector<float> audio(128), seed(128, 1.0f);
    long failures = 0;
    const Counts counts = counted([&] {
      Random random;
      for (int block = 0; block < 3000; ++block) {
        const int frames = static_cast<int>(random() % 129);
        const auto offset = [&] { return static_cast<int>(random() % 100); };
        const int voice = static_cast<int>(random() % voices);
        const bool wakes = random() % 3 == 0;
        stream.schedule({.kind = wakes ? StreamEvent::Kind::restart : StreamEvent::Kind::sleep,
                         .offset = offset(),
                         .row = block % 500 == 0 ? -1 : voice});
        stream.schedule({.kind = StreamEvent::Kind::input,
                         .offset = offset(),
                         .index = voice,
                         .value = static_cast<double>(random() % 2)});
        float* outputs[] = {audio.data()};
        const float* seeds[] = {seed.data()};
        failures += stream.process(nullptr, outputs, frames) != StreamStatus::ok;
        if (gradients) failures += stream.rewind(seeds) != StreamStatus::ok;
      }
    });
    CHECK(failures == 0);
    CHECK(counts.allocations == 0);
    CHECK(counts.locks == 0);
    CHECK(counts.system_calls == 0);
  }
}

TEST_CASE(
    "a hundred thousand blocks of delays, loops and effects allocate nothing, lock nothing and make no "
    "system call") {
  constexpr int blocks = 100000, most = 16;
  const ModuleList modules;
  Rack rack;
  rack.sample_rate = 48000.0;
  rack.note.gate = {{0.0, 1.0}};
  rack.modules = {make_module("string", *modules.find("string")), make_module("mix", *modules.find("mixer"))};
  rack.cables = {{"string.out", "mix.in.0"}};
  std::string before = "mix";
  for (const char* type : {"delay", "chorus", "flanger", "comb", "all_pass", "echo", "reverb"}) {
    rack.modules.push_back(make_module(type, *modules.find(type)));
    rack.cables.push_back({before + ".out", std::string(type) + ".in"});
    before = type;
  }
  rack.cables.push_back({"echo.out", "mix.in.1"});
  find_parameter(rack, "mix.level.1").value = 0.005;
  rack.outputs = {"reverb.left", "reverb.right"};
  Stream stream = stream_of(rack, 2);
  stream.prepare(48000.0, 256);
  std::vector<float> gate(256);
  std::vector<std::vector<float>> audio(4, std::vector<float>(256));
  const float* inputs[] = {gate.data(), nullptr};
  float* outputs[] = {audio[0].data(), audio[1].data(), audio[2].data(), audio[3].data()};
  const int time = stream.parameter("delay.time");
  long failures = 0;
  const Counts counts = counted([&] {
    Random random{5};
    for (int block = 0; block < blocks; ++block) {
      const int frames = static_cast<int>(random() % (block % 1000 == 0 ? 257 : most));
      for (int n = 0; n < frames; ++n) gate[static_cast<std::size_t>(n)] = block / 64 % 2 == 0 ? 1.0f : 0.0f;
      if (block % 50 == 0) stream.set(time, 0.003 + 0.001 * (random() % 500));
      if (block % 1500 == 0) stream.schedule({.kind = StreamEvent::Kind::restart, .row = 1});
      failures += stream.process(inputs, outputs, frames) != StreamStatus::ok;
    }
  });
  CHECK(failures == 0);
  CHECK(counts.allocations == 0);
  CHECK(counts.locks == 0);
  CHECK(counts.system_calls == 0);
}

TEST_CASE(
    "the C interface's calls on the audio thread allocate nothing, lock nothing and make no system call") {
  rg_patch patch{};
  rg_stream stream{}, closed{};
  rg_instrument instrument{};
  rg_stream_options options;
  REQUIRE(rg_patch_default(&patch) == RG_OK);
  REQUIRE(rg_stream_options_init(&options, sizeof options) == RG_OK);
  options.gradients = 1;
  REQUIRE(rg_stream_open(patch, &options, &stream) == RG_OK);
  REQUIRE(rg_stream_open(patch, &options, &closed) == RG_OK);
  REQUIRE(rg_stream_close(closed) == RG_OK);
  REQUIRE(rg_stream_prepare(stream, 48000.0, 64) == RG_OK);
  REQUIRE(rg_instrument_open(patch, nullptr, &instrument) == RG_OK);
  REQUIRE(rg_instrument_prepare(instrument, 48000.0, 64) == RG_OK);
  int gain = -1;
  REQUIRE(rg_instrument_parameter(instrument, "fm.operator.0.gain", &gain) == RG_OK);
  std::vector<float> gate(64, 1.0f), audio(64);
  const float* inputs[] = {gate.data()};
  float* outputs[] = {audio.data()};
  long failures = 0;
  const auto expect = [&](rg_status status, rg_status expected) { failures += status != expected; };
  const Counts counts = counted([&] {
    const rg_stream_event event{sizeof event, RG_EVENT_GLIDE, 3, 2, 0, 0.5};
    const unsigned char note[] = {0x90, 60, 100};
    double value = 0.0;
    int voices = 0;
    rg_stream_info info;
    info.size = sizeof info;
    for (int block = 0; block < 10000; ++block) {
      const int key = 48 + block / 50 % 24;
      expect(rg_stream_schedule(stream, &event), RG_OK);
      expect(rg_stream_set(stream, 3, -1, 0.01 + 0.0001 * block), RG_OK);
      expect(rg_stream_process(stream, inputs, outputs, block % 65), RG_OK);
      expect(rg_stream_rewind(stream, inputs), RG_OK);
      expect(rg_stream_gradient(stream, 2, 0, &value), RG_OK);
      expect(rg_stream_get(stream, 2, 0, &value), RG_OK);
      expect(rg_stream_get_info(stream, &info), RG_OK);
      if (block % 50 == 0) expect(rg_instrument_note_on(instrument, key, 0.5, 7), RG_OK);
      if (block % 50 == 20) expect(rg_instrument_note_off(instrument, key, 3), RG_OK);
      if (block % 500 == 0) expect(rg_instrument_midi(instrument, note, 3, 0), RG_OK);
      expect(rg_instrument_set(instrument, gain, 0.0001 * block), RG_OK);
      expect(rg_instrument_process(instrument, audio.data(), 64), RG_OK);
      expect(rg_instrument_sounding(instrument, &voices), RG_OK);
      // Bad calls as well.
      expect(rg_stream_process(closed, inputs, outputs, 64), RG_BAD_HANDLE);
      expect(rg_stream_process(stream, inputs, outputs, 65), RG_BAD_BLOCK);
      expect(rg_stream_schedule(stream, nullptr), RG_BAD_ARGUMENT);
      expect(rg_stream_set(stream, 99, 0, 1.0), RG_BAD_ARGUMENT);
      expect(rg_instrument_note_on(instrument, 60.0, 2.0, 0), RG_NOT_TAKEN);
      if (block % 1000 == 999) expect(rg_stream_reset(stream), RG_OK);
    }
  });
  CHECK(failures == 0);
  CHECK(counts.allocations == 0);
  CHECK(counts.locks == 0);
  CHECK(counts.system_calls == 0);
  CHECK(rg_stream_close(stream) == RG_OK);
  CHECK(rg_instrument_close(instrument) == RG_OK);
  CHECK(rg_patch_close(patch) == RG_OK);
}

TEST_CASE("no denormal is ever computed: every value of a synth, to the end of its release and beyond") {
  const FmNumbers fm = FmNumbers::six_operators();
  Stream stream([&](Tape& tape) -> std::vector<Var> {
    const Var gate = tape.input("gate", Tensor(Shape{*tape.options().length}));
    std::vector<Var> values;
    std::optional<Var> modulation;
    for (const FmNumbers::Operator& op : fm.operators) {
      const auto number = [&](double x) { return tape.constant(x); };
      const Var wave =
          sinusoid(number(220.0 * op.ratio), modulation, modulation ? std::nullopt : tape.options().length);
      const Var envelope =
          adsr(gate, {number(op.attack), number(op.decay), number(op.sustain), number(op.release)});
      const Var scaled = wave * envelope;
      modulation = scaled * number(op.gain);
      values.insert(values.end(), {wave, envelope, scaled, *modulation});
    }
    return values;
  });
  stream.prepare(44100.0, 512);
  std::vector<std::vector<float>> samples(static_cast<std::size_t>(stream.output_channels()),
                                          std::vector<float>(512));
  std::vector<float*> outputs;
  for (auto& channel : samples) outputs.push_back(channel.data());
  std::vector<float> gate(512, 1.0f);
  const float* inputs[] = {gate.data()};
  long denormals = 0, numbers = 0;
  int block = 0;
  // The longest release, 0.4 s, falls under 2^-100 after 70 of its times.
  for (; block < 45 * 44100 / 512; ++block) {
    if (block == 40) std::fill(gate.begin(), gate.end(), 0.0f);
    REQUIRE(stream.process(inputs, outputs.data(), 512) == StreamStatus::ok);
    for (const auto& channel : samples)
      for (const float x : channel) {
        denormals += std::fpclassify(x) == FP_SUBNORMAL;
        numbers += x != 0.0f;
      }
  }
  CHECK(denormals == 0);
  CHECK(numbers > 1000000);
  for (const std::size_t envelope : {1u, 5u, 9u, 13u, 17u, 21u}) CHECK(samples[envelope][511] == 0.0f);
}

TEST_CASE("the host's floating-point environment changes nothing, and it has it back") {
  const auto played = [](int rounding) {
    std::fenv_t before;
    std::fegetenv(&before);
    Stream stream = stream_of(default_rack(), 1, {.gradients = true});
    stream.prepare(44100.0, 512);
    std::fesetround(rounding);
    std::vector<float> gate(512, 1.0f), audio(512);
    const float* inputs[] = {gate.data()};
    float* outputs[] = {audio.data()};
    std::vector<double> heard;
    for (int block = 0; block < 10; ++block) {
      REQUIRE(stream.process(inputs, outputs, 512) == StreamStatus::ok);
      heard.insert(heard.end(), audio.begin(), audio.end());
    }
    REQUIRE(stream.rewind(inputs) == StreamStatus::ok);
    CHECK(std::fegetround() == rounding);
    std::fesetenv(&before);
    heard.push_back(stream.gradient(stream.parameter("note.frequency")));
    return heard;
  };
  const auto nearest = played(FE_TONEAREST);
  CHECK(nearest == played(FE_UPWARD));
  CHECK(nearest == played(FE_TOWARDZERO));
}

TEST_CASE("nor does it change an instrument's notes") {
  const auto played = [](int rounding) {
    std::fenv_t before;
    std::fegetenv(&before);
    Instrument instrument(default_rack(), {.voices = 4});
    instrument.prepare(44100.0, 512);
    std::fesetround(rounding);
    std::vector<float> audio(512), heard;
    for (int block = 0; block < 30; ++block) {
      instrument.note_on(60.3 + block % 7, 0.123 + 0.01 * (block % 3), 17);
      instrument.note_off(60.3 + block % 5, 300);
      instrument.pitch_bend(0.25 * (block % 4), 100);
      REQUIRE(instrument.process(audio.data(), 512) == StreamStatus::ok);
      heard.insert(heard.end(), audio.begin(), audio.end());
    }
    CHECK(std::fegetround() == rounding);
    std::fesetenv(&before);
    return heard;
  };
  const auto nearest = played(FE_TONEAREST);
  CHECK(nearest == played(FE_UPWARD));
  CHECK(nearest == played(FE_TOWARDZERO));
}
