#pragma once

#include <memory>
#include <string>

#include "extensions/http_filters/jwt_auth/key_source.h"
#include "source/base/intrusive_list.h"
#include "source/base/log.h"
#include "source/base/random.h"
#include "source/router/http_calls.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::jwt_auth {

// A request that waits for keys; destroying it, or unlink(), ends the waiting. Worker-confined.
class KeyWaiter : public base::ListNode<> {
 public:
  // A fetch has ended, well or not. May destroy the waiter, and end its stream.
  virtual void onKeysCame() = 0;

 protected:
  ~KeyWaiter() = default;
};

// What a fetch counts in. Value.
struct FetchCells {
  stats::Cell* good = nullptr;
  stats::Cell* bad = nullptr;
};

// Fetches the keys of one provider when it is this worker's turn, and tells the requests of this
// worker that wait for them. Worker-confined.
class KeyFetcher final : private router::HttpCallListener {
 public:
  // All outlive it. `source` has remote(). Fetches at once, in a later event, if nobody else does.
  KeyFetcher(KeySource& source, std::string_view provider, router::HttpCalls& calls,
             event::Dispatcher& dispatcher, const FetchCells& cells);
  ~KeyFetcher();

  // There are no keys yet. False: nor are there going to be any soon.
  bool awaitFirst(KeyWaiter& waiter);
  // There is none of a token's `kid`. False: they were fetched only lately.
  bool awaitOther(KeyWaiter& waiter);

 private:
  void onTimer();
  void onTold();
  void fetch();
  void arm();
  void finish(std::shared_ptr<const Jwks> keys, std::optional<std::chrono::seconds> max_age,
              std::string_view problem);
  void onHttpCallAnswer(router::HttpCallAnswer& answer) override;
  void onHttpCallFailure(const http::StreamError& error) override;

  KeySource& source_;
  const std::string provider_;
  router::HttpCalls& calls_;
  event::Dispatcher& dispatcher_;
  const FetchCells cells_;
  base::Random random_;
  base::log::LogLimiter log_limit_{std::chrono::seconds(10)};
  std::unique_ptr<event::Timer> timer_;
  router::HttpCallHandle call_;
  base::IntrusiveList<KeyWaiter> waiting_;
  // Null when this has gone.
  const std::shared_ptr<KeyFetcher*> self_;
  uint64_t subscription_ = 0;
};

}  // namespace weir::extensions::http_filters::jwt_auth
