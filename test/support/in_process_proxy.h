#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "source/base/registry.h"
#include "source/config/snapshot.h"
#include "source/server/server.h"
#include "source/stats/stats.h"

namespace weir::test {

// The whole proxy inside the test's process: real sockets on loopback, real threads, all
// extensions. Listeners take port 0 and tell what they got. Stopped gracefully when destroyed.
class InProcessProxy {
 public:
  // `config` is protobuf text; a configuration that is wrong fails the test with its diagnostics.
  // `more` registers extensions of the test's own.
  using Registration = std::function<absl::Status(base::Registry&)>;
  explicit InProcessProxy(std::string_view config, const Registration& more = {});
  ~InProcessProxy();

  uint16_t port(const std::string& listener) const;
  uint16_t adminPort() const;
  // Replaces the configuration; returns when every worker runs on it. The text of the errors, or
  // empty.
  std::string reload(std::string_view config);
  // Runs `task` on the main thread and waits for it.
  void onMain(absl::AnyInvocable<void()> task) const;
  // Current value of a counter or gauge.
  int64_t stat(std::string_view name, const stats::Labels& labels = {}) const;
  // Waits (bounded by ten seconds) until the value is `expected`; false when it never was.
  bool waitForStat(std::string_view name, int64_t expected, const stats::Labels& labels = {}) const;
  server::Server& server() { return *server_; }
  // Begins the graceful shutdown and returns the exit code.
  int shutdown();

 private:
  base::Registry registry_;
  stats::Store stats_;
  config::Loader loader_;
  std::unique_ptr<server::Server> server_;
  std::promise<int> exit_code_;
  std::thread thread_;
};

}  // namespace weir::test
