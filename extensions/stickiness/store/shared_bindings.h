#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "extensions/stickiness/store/store_stats.h"
#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/base/string_map.h"
#include "source/event/dispatcher.h"
#include "source/redis/link.h"
#include "source/upstream/stickiness.h"

namespace weir::extensions::stickiness::store {

// How the shared table is used. Value; part of the configuration.
struct SharedSettings {
  redis::Server server = {};
  std::string key_prefix = {};  // before what identifies the client
  std::chrono::milliseconds ttl{std::chrono::hours(1)};
  std::chrono::milliseconds budget{2};   // for which a request waits
  uint32_t max_writes = 10'000;          // that wait on each worker
  uint32_t max_timeouts = 5;             // in a row; then no request waits for a while
  std::chrono::milliseconds probe{250};  // meanwhile it is asked so often how fast it is
};

// Whoever is told what the shared table says. Worker-confined.
class BindingSink {
 public:
  // As HostSet::Host::uid, of an endpoint's id; 0: there is none of that id.
  virtual uint64_t uidOf(std::string_view endpoint) = 0;
  // The client belongs to that endpoint.
  virtual void onBound(std::string_view client, uint64_t uid) = 0;

 protected:
  ~BindingSink() = default;
};

// The table of who belongs where that the nodes of a fleet share in Redis, as one worker uses it.
// Whatever the server does, those who ask have their answer within the budget, and nobody waits for
// a write. The server's word is never trusted: an endpoint that nobody knows is no answer.
// Worker-confined.
class SharedBindings final : private redis::LinkOwner {
 public:
  // `services` as for redis::Link. All outlives it.
  SharedBindings(base::ServiceMap& services, const SharedSettings& settings, std::string label,
                 StoreCells& cells, BindingSink& sink);
  // Who waits is told that nothing was found, a little later.
  ~SharedBindings();
  SharedBindings(const SharedBindings&) = delete;
  SharedBindings& operator=(const SharedBindings&) = delete;

  // Where the client belongs. True: StickyRequest::lookup is set, and its waiter will be called,
  // within the budget. Who asks the same at the same time shares the question.
  bool ask(std::string_view client, upstream::StickyRequest& request);
  // The client belongs to `endpoint`, unless the store says otherwise: the sink is told then.
  void bind(std::string_view client, std::string_view endpoint);
  // It belonged to `before`, which cannot be had any more, and belongs to `endpoint` now, unless
  // another node has found another one meanwhile: the sink is told then.
  void rebind(std::string_view client, std::string_view before, std::string_view endpoint);
  // It still belongs to `endpoint`: it is remembered for longer. As for bind(), should the store
  // have forgotten it.
  void refresh(std::string_view client, std::string_view endpoint);

  bool connected() const { return link_.up(); }
  bool resting() const { return resting_; }

  static constexpr uint32_t kWritesUnderWay = 256;
  // So many of them are sent at a time, and then again after kRefreshPause.
  static constexpr uint32_t kRefreshes = 100;
  static constexpr std::chrono::milliseconds kRefreshPause{100};

 private:
  class Asker;
  class Unanswered;
  // One question, for all who ask the same.
  struct Lookup {
    std::string client;
    event::MonotonicTime asked;
    base::IntrusiveList<Asker> askers;
    bool over = false;  // answered, or too late
  };
  struct Write {
    enum class Kind : uint8_t { kBind, kRebind };
    Kind kind;
    std::string client;
    std::string endpoint;
    std::string before = {};  // of kRebind
    uint8_t attempts = 0;
  };
  struct Refresh {
    std::string client;
    std::string endpoint;
  };
  static constexpr uint8_t kMostAttempts = 3;

  void onLinkUp() override;
  void onLinkDown() override;
  void onConnectFailed() override { cells_.connect_failures.add(); }

  std::string keyOf(std::string_view client) const;
  std::shared_ptr<Lookup> begin(std::string_view client);
  static void tell(Asker& asker, uint64_t uid);
  void startTimer();
  void onBudgetTimer();
  void expire();
  void onTimeout(Lookup& lookup);
  void onFound(Lookup& lookup, const redis::Reply* reply);
  void noteLatency(event::MonotonicTime asked);
  void rest(bool resting);
  void onProbeTimer();

  void submit(Write write);
  bool send(Write& write);
  void enqueue(Write write, bool first);
  void pump();
  void onWritten(Write& write, const redis::Reply* reply);
  void retry(Write& write);
  void readWinner(Write write);
  // The store has another word than ours.
  void onOther(Write& write, std::string_view stored);
  void sendRefreshes();
  void onRefreshed(const Refresh& refresh, const redis::Reply* reply);

  event::Dispatcher& dispatcher_;
  const SharedSettings& settings_;
  const std::string ttl_text_;
  StoreCells& cells_;
  BindingSink& sink_;
  base::StringMap<std::shared_ptr<Lookup>> lookups_;  // under way and in time
  std::deque<std::shared_ptr<Lookup>> by_deadline_;
  std::unique_ptr<event::Timer> budget_timer_;
  event::WheelTimer probe_timer_;
  event::WheelTimer refresh_timer_;
  std::deque<Write> writes_;  // that wait
  std::deque<Refresh> refreshes_;
  uint32_t under_way_ = 0;  // writes
  uint32_t timeouts_ = 0;   // in a row
  bool resting_ = false;
  bool probing_ = false;
  bool expiring_ = false;
  // Tells what was posted that this is gone.
  std::shared_ptr<SharedBindings*> self_ = std::make_shared<SharedBindings*>(this);
  redis::Link link_;  // goes first
};

}  // namespace weir::extensions::stickiness::store
