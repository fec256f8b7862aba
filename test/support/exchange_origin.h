#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "test/support/exchanges.h"
#include "test/support/scripted_origin.h"

namespace weir::test {

// Plays the origin's part of exchanges, by HTTP/1 or HTTP/2, each as its name in x-exchange says,
// and remembers what it saw. Thread-safe.
class ExchangeOrigin {
 public:
  enum class Speaks { kHttp1, kHttp2 };
  // `exchanges` must stay.
  ExchangeOrigin(Speaks speaks, const std::vector<Exchange>& exchanges);

  std::string address() const { return origin_.address(); }
  int connections() const { return origin_.connections(); }
  // What it saw of the exchange, each time it came, once it has come so often; waits a bounded
  // time.
  std::vector<Seen> seen(const std::string& exchange, size_t times = 1);
  void forget();
  // What the proxy did wrong as an HTTP/2 client so far.
  std::string violations();

 private:
  const Exchange* find(const std::string& name) const;
  void note(const std::string& exchange, Seen seen);
  void serveHttp1(RawConnection& connection);
  bool serveOne(RawConnection& connection);
  void serveHttp2(RawConnection& connection);

  const std::vector<Exchange>& exchanges_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<Seen>> seen_;
  std::string violations_;
  ScriptedOrigin origin_;  // the last: its threads use the others
};

}  // namespace weir::test
