// Arbitrary bytes as Retry-After, and as another service's field that says the same. Held to: no
// wait is negative or without end, white space around says nothing, a number is what it says, and
// as a time of the clock it is not longer than from now on.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "source/base/arena.h"
#include "source/router/retry_after.h"
#include "test/fuzz/entry_point.h"

namespace {

using namespace weir;
using std::chrono::milliseconds;
using Wait = std::optional<milliseconds>;

constexpr event::SystemTime kNow{milliseconds(784'111'777'250)};
constexpr milliseconds kMost = std::chrono::seconds((int64_t{1} << 40) + 1);

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

Wait read(std::string_view name, std::string_view value, const router::RetryPolicy& policy) {
  base::Arena arena;
  http::HeaderMap fields(arena);
  fields.add(name, value);
  const Wait wait = router::retryAfter(policy, fields, kNow);
  require(!wait || (*wait >= milliseconds(0) && *wait <= kMost), "a wait ends");
  return wait;
}

Wait readReset(std::string_view value, bool unix_time) {
  router::RetryPolicy policy;
  policy.reset_fields = {{.name = "x-reset", .unix_time = unix_time}};
  return read("x-reset", value, policy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Wait wait = read("retry-after", text, {});
  require(read("retry-after", " " + text + "\t ", {}) == wait, "white space says nothing");
  const Wait reset = readReset(text, false);
  require(!reset || reset == wait, "a number means the same in every field");
  const Wait clock = readReset(text, true);
  require(clock.has_value() == reset.has_value(), "what is a number does not depend on its use");
  require(!clock || *clock <= *reset, "the clock is past its beginning");
  const bool digits =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || text.empty() || size > 9) return 0;
  require(wait == std::chrono::seconds(std::stoi(text)), "a number is what it says");
  return 0;
}
