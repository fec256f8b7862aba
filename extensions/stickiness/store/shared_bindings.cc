#include "extensions/stickiness/store/shared_bindings.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::stickiness::store {
namespace {

using std::chrono::milliseconds;

// Binds KEYS[1] to ARGV[2] for ARGV[3] ms when it is bound to ARGV[1] or to nobody; says whom it is
// bound to then.
constexpr std::string_view kReplace =
    "local v = redis.call('GET', KEYS[1]) "
    "if not v or v == ARGV[1] then "
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) "
    "return ARGV[2] end "
    "return v";

uint64_t microseconds(event::MonotonicTime::duration time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return us > 0 ? static_cast<uint64_t>(us) : 0;
}

}  // namespace

// One request that waits; destroys itself when it is told or does not want to know any more.
// Worker-confined.
class SharedBindings::Asker final : public upstream::StickyLookup, public base::ListNode<> {
 public:
  explicit Asker(upstream::StickyRequest& request) : request(request) {}
  void cancel() override { delete this; }
  upstream::StickyRequest& request;
};

// Those who wait when the table goes. Worker-confined.
class SharedBindings::Unanswered final : public event::DeferredDeletable {
 public:
  ~Unanswered() override {
    while (Asker* asker = askers.popFront()) tell(*asker, 0);
  }
  base::IntrusiveList<Asker> askers;
};

SharedBindings::SharedBindings(base::ServiceMap& services, const SharedSettings& settings,
                               std::string label, StoreCells& cells, BindingSink& sink)
    : dispatcher_(services.get<event::Dispatcher>()),
      settings_(settings),
      ttl_text_(std::to_string(settings.ttl.count())),
      cells_(cells),
      sink_(sink),
      budget_timer_(dispatcher_.createTimer([this] { onBudgetTimer(); })),
      probe_timer_(dispatcher_.wheel(), event::wheelCallback<&SharedBindings::onProbeTimer>, this),
      refresh_timer_(dispatcher_.wheel(), event::wheelCallback<&SharedBindings::sendRefreshes>,
                     this),
      link_(services, settings.server, std::move(label), *this) {
  link_.start();
}

SharedBindings::~SharedBindings() {
  *self_ = nullptr;
  auto unanswered = std::make_unique<Unanswered>();
  for (auto& [client, lookup] : lookups_) unanswered->askers.spliceBack(lookup->askers);
  if (!unanswered->askers.empty()) dispatcher_.deferDelete(std::move(unanswered));
  rest(false);
  if (link_.up()) cells_.connected.sub();
  cells_.queued_writes.sub(writes_.size());
}

std::string SharedBindings::keyOf(std::string_view client) const {
  return base::concat(settings_.key_prefix, client);
}

// --- Connection ---

void SharedBindings::onLinkUp() {
  cells_.connected.add();
  cells_.connections.add();
  pump();
  if (!refreshes_.empty() && !refresh_timer_.armed()) refresh_timer_.arm(kRefreshPause);
}

void SharedBindings::onLinkDown() {
  cells_.connected.sub();
  rest(false);
}

// --- Questions ---

bool SharedBindings::ask(std::string_view client, upstream::StickyRequest& request) {
  const auto refuse = [this] {
    cells_.lookup(LookupOutcome::kUnavailable).add();
    return false;
  };
  if (!link_.up() || resting_) return refuse();
  const auto found = lookups_.find(client);
  const std::shared_ptr<Lookup> lookup = found != lookups_.end() ? found->second : begin(client);
  if (lookup == nullptr) return refuse();
  auto* const asker = new Asker(request);
  lookup->askers.pushBack(*asker);
  request.lookup = asker;
  cells_.waits.add();
  return true;
}

// Null when it cannot be sent.
std::shared_ptr<SharedBindings::Lookup> SharedBindings::begin(std::string_view client) {
  auto lookup = std::make_shared<Lookup>();
  lookup->client = client;
  lookup->asked = dispatcher_.preciseNow();
  const bool sent = link_.send({"GET", keyOf(client)}, [this, lookup](const redis::Reply* reply) {
    onFound(*lookup, reply);
  });
  if (!sent) return nullptr;
  lookups_.emplace(lookup->client, lookup);
  by_deadline_.push_back(lookup);
  if (!budget_timer_->running()) startTimer();
  return lookup;
}

void SharedBindings::tell(Asker& asker, uint64_t uid) {
  upstream::StickyRequest& request = asker.request;
  request.lookup = nullptr;
  request.asked = true;
  request.stored = uid;
  delete &asker;
  request.waiter->onStickyFound();
}

void SharedBindings::onFound(Lookup& lookup, const redis::Reply* reply) {
  if (reply != nullptr) {
    cells_.lookup_us.record(microseconds(dispatcher_.preciseNow() - lookup.asked));
    noteLatency(lookup.asked);
  }
  // Too late: the client has been bound meanwhile, and the answer to that says who was first.
  if (lookup.over) return;
  lookup.over = true;
  LookupOutcome outcome = LookupOutcome::kError;
  uint64_t uid = 0;
  if (reply != nullptr && reply->kind == redis::Reply::Kind::kNil) outcome = LookupOutcome::kMiss;
  if (reply != nullptr && reply->kind == redis::Reply::Kind::kText) {
    uid = sink_.uidOf(reply->text);
    outcome = uid != 0 ? LookupOutcome::kHit : LookupOutcome::kUnknown;
  }
  if (uid != 0) sink_.onBound(lookup.client, uid);
  cells_.lookup(outcome).add();
  lookups_.erase(lookup.client);
  while (Asker* asker = lookup.askers.popFront()) tell(*asker, uid);
}

// --- The budget ---

void SharedBindings::startTimer() {
  const auto left = by_deadline_.front()->asked + settings_.budget - dispatcher_.preciseNow();
  budget_timer_->start(std::max(std::chrono::ceil<milliseconds>(left), milliseconds(0)));
}

// The answer may have come while this thread was busy: what has arrived is read before what is
// posted runs.
void SharedBindings::onBudgetTimer() {
  if (std::exchange(expiring_, true)) return;
  dispatcher_.post([self = self_] {
    if (*self != nullptr) (*self)->expire();
  });
}

void SharedBindings::expire() {
  expiring_ = false;
  const event::MonotonicTime now = dispatcher_.preciseNow();
  const std::shared_ptr<SharedBindings*> self = self_;
  while (!by_deadline_.empty()) {
    const std::shared_ptr<Lookup> lookup = by_deadline_.front();
    if (!lookup->over && lookup->asked + settings_.budget > now) break;
    by_deadline_.pop_front();
    if (!lookup->over) onTimeout(*lookup);
    if (*self == nullptr) return;
  }
  if (!by_deadline_.empty()) startTimer();
}

void SharedBindings::onTimeout(Lookup& lookup) {
  lookup.over = true;
  cells_.lookup(LookupOutcome::kTimeout).add();
  lookups_.erase(lookup.client);
  if (++timeouts_ >= settings_.max_timeouts) rest(true);
  while (Asker* asker = lookup.askers.popFront()) tell(*asker, 0);
}

void SharedBindings::noteLatency(event::MonotonicTime asked) {
  if (dispatcher_.preciseNow() - asked > settings_.budget) return;
  timeouts_ = 0;
  rest(false);
}

void SharedBindings::rest(bool resting) {
  if (!resting) timeouts_ = 0;
  if (resting_ == resting) return;
  resting_ = resting;
  if (!resting) {
    cells_.resting.sub();
    return probe_timer_.cancel();
  }
  cells_.resting.add();
  probe_timer_.arm(settings_.probe);
}

void SharedBindings::onProbeTimer() {
  if (!resting_) return;
  probe_timer_.arm(settings_.probe);
  if (probing_) return;
  const event::MonotonicTime asked = dispatcher_.preciseNow();
  probing_ = link_.send({"PING"}, [this, asked](const redis::Reply* reply) {
    probing_ = false;
    if (reply != nullptr) noteLatency(asked);
  });
}

// --- Writes ---

void SharedBindings::bind(std::string_view client, std::string_view endpoint) {
  submit({Write::Kind::kBind, std::string(client), std::string(endpoint)});
}

void SharedBindings::rebind(std::string_view client, std::string_view before,
                            std::string_view endpoint) {
  submit({Write::Kind::kRebind, std::string(client), std::string(endpoint), std::string(before)});
}

void SharedBindings::submit(Write write) {
  if (!writes_.empty() || !send(write)) enqueue(std::move(write), /*first=*/false);
}

void SharedBindings::enqueue(Write write, bool first) {
  if (writes_.size() >= settings_.max_writes) return cells_.write(WriteOutcome::kDropped).add();
  cells_.queued_writes.add();
  if (first) {
    writes_.push_front(std::move(write));
  } else {
    writes_.push_back(std::move(write));
  }
}

void SharedBindings::pump() {
  while (!writes_.empty() && send(writes_.front())) {
    writes_.pop_front();
    cells_.queued_writes.sub();
  }
}

// Takes `write` when it says true.
bool SharedBindings::send(Write& write) {
  if (!link_.up() || under_way_ >= kWritesUnderWay) return false;
  auto sent = std::make_shared<Write>(write);
  const std::string key = keyOf(write.client);
  auto answer = [this, sent](const redis::Reply* reply) {
    --under_way_;
    onWritten(*sent, reply);
    pump();
  };
  const bool rebinds = write.kind == Write::Kind::kRebind;
  const bool accepted =
      rebinds ? link_.send({"EVAL", kReplace, "1", key, write.before, write.endpoint, ttl_text_},
                           std::move(answer))
              : link_.send({"SET", key, write.endpoint, "NX", "PX", ttl_text_}, std::move(answer));
  if (accepted) ++under_way_;
  return accepted;
}

void SharedBindings::onWritten(Write& write, const redis::Reply* reply) {
  if (reply == nullptr) return retry(write);
  switch (reply->kind) {
    case redis::Reply::Kind::kStatus:
      return cells_.write(WriteOutcome::kCreated).add();
    case redis::Reply::Kind::kNil:
      return readWinner(std::move(write));
    case redis::Reply::Kind::kText:
      if (reply->text != write.endpoint) return onOther(write, reply->text);
      return cells_.write(WriteOutcome::kReplaced).add();
    case redis::Reply::Kind::kError:
    case redis::Reply::Kind::kInteger:
      break;
  }
  cells_.write(WriteOutcome::kError).add();
}

// The connection was lost with it on the way: whether it was done nobody knows, and twice is the
// same as once.
void SharedBindings::retry(Write& write) {
  if (++write.attempts >= kMostAttempts) return cells_.write(WriteOutcome::kError).add();
  enqueue(std::move(write), /*first=*/true);
}

void SharedBindings::readWinner(Write write) {
  auto lost = std::make_shared<Write>(std::move(write));
  const bool sent =
      link_.send({"GET", keyOf(lost->client)}, [this, lost](const redis::Reply* reply) {
        if (reply == nullptr || reply->kind == redis::Reply::Kind::kError) {
          return cells_.write(WriteOutcome::kError).add();
        }
        // Nil: it was over just then, and the next refresh writes it.
        if (reply->kind == redis::Reply::Kind::kText) onOther(*lost, reply->text);
      });
  if (!sent) cells_.write(WriteOutcome::kError).add();
}

void SharedBindings::onOther(Write& write, std::string_view stored) {
  if (stored == write.endpoint) return cells_.write(WriteOutcome::kAdopted).add();
  if (const uint64_t uid = sink_.uidOf(stored); uid != 0) {
    cells_.write(WriteOutcome::kAdopted).add();
    return sink_.onBound(write.client, uid);
  }
  // Of an endpoint that has gone.
  if (++write.attempts >= kMostAttempts) return cells_.write(WriteOutcome::kError).add();
  write.kind = Write::Kind::kRebind;
  write.before = stored;
  submit(std::move(write));
}

// --- Refreshing ---

void SharedBindings::refresh(std::string_view client, std::string_view endpoint) {
  if (refreshes_.size() >= settings_.max_writes) return cells_.write(WriteOutcome::kDropped).add();
  refreshes_.push_back({std::string(client), std::string(endpoint)});
  if (!refresh_timer_.armed()) refresh_timer_.arm(kRefreshPause);
}

void SharedBindings::sendRefreshes() {
  for (uint32_t i = 0; i < kRefreshes && !refreshes_.empty(); ++i) {
    auto refresh = std::make_shared<Refresh>(refreshes_.front());
    const std::string key = keyOf(refresh->client);
    const bool sent = link_.send(
        {"GET", key}, [this, refresh](const redis::Reply* reply) { onRefreshed(*refresh, reply); });
    if (!sent) break;
    link_.send({"PEXPIRE", key, ttl_text_}, [](const redis::Reply*) {});
    refreshes_.pop_front();
  }
  if (!refreshes_.empty() && link_.up()) refresh_timer_.arm(kRefreshPause);
}

void SharedBindings::onRefreshed(const Refresh& refresh, const redis::Reply* reply) {
  if (reply != nullptr && reply->kind == redis::Reply::Kind::kNil) {
    return bind(refresh.client, refresh.endpoint);  // the store has lost it
  }
  if (reply == nullptr || reply->kind != redis::Reply::Kind::kText) {
    return cells_.write(WriteOutcome::kError).add();
  }
  if (reply->text == refresh.endpoint) return cells_.write(WriteOutcome::kRefreshed).add();
  Write write{Write::Kind::kBind, refresh.client, refresh.endpoint};
  onOther(write, reply->text);
}

}  // namespace weir::extensions::stickiness::store
