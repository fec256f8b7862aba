#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "source/base/fd.h"
#include "test/support/raw_connection.h"

namespace weir::test {

// An origin on loopback that does what the test's script says, one thread per connection.
class ScriptedOrigin {
 public:
  // `script` runs once for each accepted connection, `number` from 0; the connection closes when it
  // returns.
  using Script = std::function<void(RawConnection& connection, int number)>;
  explicit ScriptedOrigin(Script script);
  // Ends every connection.
  ~ScriptedOrigin();

  // Answers every request with `response` (a whole message), keeping connections open.
  static Script answering(std::string response);
  // Answers every request with 200 and, as the body, the request as it came: start line, header
  // lines sorted, empty line, body.
  static Script echoing();

  uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int connections() const { return accepted_; }
  // Closes the listening socket and ends every connection: the origin dies.
  void kill();

 private:
  void acceptLoop();

  Script script_;
  base::UniqueFd listening_;
  uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::set<int> open_;
  int running_ = 0;  // threads of connections
  std::condition_variable ended_;
  std::thread acceptor_;
};

}  // namespace weir::test
