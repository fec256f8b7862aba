// Adds our options to a libFuzzer binary that Bazel runs as a test: a fixed number of runs from a
// fixed seed, or what a slow machine does of it in half the time that Bazel gives a small test; new
// inputs into the test's scratch folder (never into the corpus), crashes into its outputs.
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr char kDefaultRuns[] = "20000";
constexpr char kDefaultSeconds[] = "30";

const char* environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (std::getenv("TEST_TMPDIR") == nullptr) {
    return 0;  // Started by hand: the options are the caller's.
  }
  static std::vector<std::string> texts = {
      (*argv)[0],
      std::string("-runs=") + environment("WEIR_FUZZ_RUNS", kDefaultRuns),
      "-seed=1",
      std::string("-max_total_time=") + environment("WEIR_FUZZ_SECONDS", kDefaultSeconds),
      "-timeout=10",
      "-print_final_stats=1",
      std::string("-artifact_prefix=") + environment("TEST_UNDECLARED_OUTPUTS_DIR", ".") + "/",
      environment("TEST_TMPDIR", "."),
  };
  texts.insert(texts.end(), *argv + 1, *argv + *argc);
  static std::vector<char*> arguments;
  for (std::string& text : texts) {
    arguments.push_back(text.data());
  }
  arguments.push_back(nullptr);
  *argc = static_cast<int>(texts.size());
  *argv = arguments.data();
  return 0;
}
