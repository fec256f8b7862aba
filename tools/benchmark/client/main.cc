// The benchmark's own client, for what wrk cannot do: full and resumed TLS handshakes under control
// (wrk resumes sessions whenever it can, and cannot be told), requests at a fixed rate, and echoes
// over TCP and UDP. One thread.
//
// Prints "running" when the first request is done and, at the end, one line that starts with
// "result": requests that were answered as they should be, and apart from them what went wrong.

#include <signal.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "tools/benchmark/client/echo_slot.h"
#include "tools/benchmark/client/options.h"
#include "tools/benchmark/client/run.h"
#include "tools/benchmark/client/tls_slot.h"

namespace weir::benchmark {
namespace {

constexpr uint64_t kTimeoutUs = 5'000'000;
constexpr uint64_t kDatagramTimeoutUs = 1'000'000;

void printResult(const Options& options) {
  const bool datagrams = options.mode == Mode::kUdp;
  const bool echo = datagrams || options.mode == Mode::kTcp;
  const std::optional<TlsClient> tls = echo ? std::nullopt : std::optional<TlsClient>(options);
  Run run(options.seconds, options.rate, datagrams ? kDatagramTimeoutUs : kTimeoutUs);
  for (size_t i = 0; i < options.connections; ++i) {
    if (tls) {
      run.add(std::make_unique<TlsSlot>(run, *tls));
    } else {
      run.add(std::make_unique<EchoSlot>(run, datagrams, options.port, options.size));
    }
  }
  std::printf("%s\n", run.run().c_str());
}

}  // namespace
}  // namespace weir::benchmark

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const auto options = weir::benchmark::parseOptions(argc, argv);
  if (!options) {
    std::fputs(weir::benchmark::kUsage, stderr);
    return 2;
  }
  weir::benchmark::printResult(*options);
}
