#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/common/access/shared_slot.h"
#include "extensions/http_filters/jwt_auth/jwks.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::jwt_auth {

// How keys are fetched. Value.
struct RemoteKeys {
  std::string cluster;
  std::string authority;
  std::string path = "/.well-known/jwks.json";
  std::chrono::milliseconds timeout{5000};
  std::chrono::milliseconds refresh{600'000};
  std::chrono::milliseconds retry{1000};
  std::chrono::milliseconds unknown_key_interval{30'000};
};

// What Cache-Control says of how long an answer is fresh; nullopt: nothing, or that it must not be
// kept.
std::optional<std::chrono::seconds> maxAge(std::string_view cache_control);

// The keys of one provider, shared by the workers. When they are fetched, one worker at a time does
// it, and tells the others. Thread-safe.
class KeySource {
 public:
  static constexpr std::chrono::seconds kLeastRefresh{10};
  static constexpr int kMaxDoublings = 6;

  KeySource() = default;
  explicit KeySource(RemoteKeys remote) : remote_(std::move(remote)) {}

  const SharedSlot<Jwks>& keys() const { return keys_; }
  void set(std::shared_ptr<const Jwks> keys) { keys_.set(std::move(keys)); }
  const std::optional<RemoteKeys>& remote() const { return remote_; }

  // Whoever gets true fetches, and says how it ended. Before it is due nobody does.
  bool beginIfDue(event::MonotonicTime now);
  // The same for a token with an unknown key: not sooner than unknown_key_interval after another.
  bool beginForUnknownKey(event::MonotonicTime now);
  // A fetch is under way, or has never been tried: waiting makes sense.
  bool comesSoon() const;
  // Null: failed; the keys that are there stay. `chance` is 0 to 1.
  void end(std::shared_ptr<const Jwks> keys, std::optional<std::chrono::seconds> max_age,
           event::MonotonicTime now, double chance);
  // Whoever fetched has gone.
  void abandon(event::MonotonicTime now);
  event::MonotonicTime due() const;

  // Calls `told` on the dispatcher's thread after each fetch, until unsubscribe().
  uint64_t subscribe(event::Dispatcher& dispatcher, std::function<void()> told);
  void unsubscribe(uint64_t id);

 private:
  struct Subscriber {
    uint64_t id;
    event::Dispatcher* dispatcher;
    std::function<void()> told;
  };
  void tellAll();  // with the mutex

  const std::optional<RemoteKeys> remote_;
  SharedSlot<Jwks> keys_;
  mutable std::mutex mutex_;  // guards the rest
  std::vector<Subscriber> subscribers_;
  uint64_t last_id_ = 0;
  event::MonotonicTime due_{};
  event::MonotonicTime begun_{};
  bool fetching_ = false;
  bool tried_ = false;
  int failures_ = 0;
};

}  // namespace weir::extensions::http_filters::jwt_auth
