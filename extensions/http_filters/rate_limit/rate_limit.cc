#include "extensions/http_filters/rate_limit/rate_limit.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>

#include "source/base/concat.h"
#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(const RateLimitConfig& configuration, base::ServiceMap& services)
      : config(configuration),
        dispatcher(services.get<event::Dispatcher>()),
        block(services.get<stats::Block>()),
        exempt(block.counter(configuration.stats.exempt)),
        limited(block.counter(configuration.stats.limited)),
        unlimited(block.counter(configuration.stats.unlimited)),
        counters(services, configuration.counters,
                 base::concat("rate limit \"", configuration.name, "\""),
                 configuration.counter_stats) {}
  const RateLimitConfig& config;
  event::Dispatcher& dispatcher;
  stats::Block& block;
  base::Random random;
  stats::Cell& exempt;
  stats::Cell& limited;
  stats::Cell& unlimited;
  SharedCounters counters;
};

// Worker-confined.
class RateLimitFilter final : public http::HttpFilter, private CountListener {
 public:
  explicit RateLimitFilter(Shared& shared)
      : shared_(shared), scope_(nullptr, shared.config.settings.scope) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const RateLimitSettings& filter = shared_.config.settings;
    const auto* const config = static_cast<const RateLimitRoute*>(handle().routeConfig());
    const RateLimitSettings* const route = config == nullptr ? nullptr : &config->settings;
    scope_ = ChosenScope(route == nullptr ? nullptr : &route->scope, filter.scope);
    on_failure_ = filter.on_failure.value_or(OnFailure::kPass);
    if (route != nullptr) on_failure_ = route->on_failure.value_or(on_failure_);
    if (!scope_.asks(shared_.random)) return http::Verdict::kContinue;
    if (scope_.exempts(head, handle().info())) {
      shared_.exempt.add();
      return http::Verdict::kContinue;
    }
    const bool own = route != nullptr && !route->limits.empty();
    if (!own || route->add_limits) collect(filter.limits, head);
    if (own) collect(route->limits, head);
    if (count_ == 0) {
      shared_.unlimited.add();
      return http::Verdict::kContinue;
    }
    return ask();
  }

  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    if (noted_ && scope_.answer().tellsAll()) scope_.answer().tell(standing_, head.headers);
    return http::Verdict::kContinue;
  }

  void onStreamEnd() override {
    if (question_ != nullptr) shared_.counters.cancel(*question_);
    question_ = nullptr;
  }

 private:
  // A limit that the request is counted by. In the stream's arena, as is its key.
  struct Counted {
    const Limit* limit;
    std::string_view key;  // with the limit's own prefix
    Counted* next;
  };

  bool shadowed(const Limit& limit) const { return limit.shadow || scope_.shadow(); }

  void collect(const std::vector<Limit>& limits, const http::RequestHead& head) {
    for (const Limit& limit : limits) {
      const bool counted =
          std::all_of(limit.headers.begin(), limit.headers.end(),
                      [&](const http::HeaderMatcher& matcher) { return matcher.matches(head); });
      if (counted && count_ < kMaxAsked) add(limit, head);
    }
  }

  void add(const Limit& limit, const http::RequestHead& head) {
    RequestKey::Room room;
    const auto text =
        limit.key.build({.head = head,
                         .info = handle().info(),
                         .route = limit.key.needsRoute() ? handle().route() : nullptr},
                        room);
    if (!text) return;
    base::Arena& arena = handle().arena();
    const size_t size = limit.key_prefix.size() + text->size();
    char* const key = static_cast<char*>(arena.allocate(size, 1));
    std::memcpy(key, limit.key_prefix.data(), limit.key_prefix.size());
    std::memcpy(key + limit.key_prefix.size(), text->data(), text->size());
    auto* const counted = new (arena.allocate(sizeof(Counted), alignof(Counted)))
        Counted{&limit, std::string_view(key, size), nullptr};
    *end_ = counted;
    end_ = &counted->next;
    ++count_;
  }

  http::Verdict ask() {
    std::array<AskedLimit, kMaxAsked> asked;
    size_t used = 0;
    for (const Counted* counted = first_; counted != nullptr; counted = counted->next) {
      asked[used++] = {&counted->limit->counted, counted->key, shadowed(*counted->limit)};
    }
    question_ = shared_.counters.ask(std::span(asked).first(used), *this);
    if (question_ != nullptr) return http::Verdict::kPause;
    return fail() ? http::Verdict::kContinue : http::Verdict::kPause;
  }

  void onCounted(std::span<const CountedStanding> standings) override {
    question_ = nullptr;
    if (standings.empty()) {
      if (fail()) handle().resumeRequest();
      return;
    }
    if (judge(standings)) handle().resumeRequest();
  }

  // What Redis has said. False: the request was refused.
  bool judge(std::span<const CountedStanding> standings) {
    bool passes = true;
    size_t at = 0;
    for (const Counted* counted = first_; counted != nullptr; counted = counted->next) {
      const CountedStanding& standing = standings[at++];
      passes &= standing.passes || shadowed(*counted->limit);
      note(*counted->limit, standing);
    }
    at = 0;
    for (const Counted* counted = first_; counted != nullptr; counted = counted->next) {
      tally(*counted->limit, standings[at++].passes, passes);
    }
    if (!passes) refuse();
    return passes;
  }

  void tally(const Limit& limit, bool within, bool passes) {
    if (within) {
      if (passes) shared_.block.counter(limit.stats.passed).add();
      return;
    }
    handle().dynamicMetadata().set("rate_limit", "limit", std::string_view(limit.name));
    shared_.block.counter(shadowed(limit) ? limit.stats.shadowed : limit.stats.refused).add();
  }

  // Remembers the tightest, for the answer; one that refuses is always told of.
  void note(const Limit& limit, const CountedStanding& of) {
    const bool refuses = !of.passes && !shadowed(limit);
    if (!of.passes && !refuses) return;
    const RateLimitStanding standing{.name = limit.name,
                                     .quota = limit.requests,
                                     .window = limit.per,
                                     .left = of.left,
                                     .until_next = of.until_next,
                                     .until_full = of.until_full};
    if (noted_ && refusing_ && !refuses) return;
    const bool first_refusal = refuses && !refusing_;
    if (!noted_ || first_refusal || standing.tighterThan(standing_)) standing_ = standing;
    noted_ = true;
    refusing_ |= refuses;
  }

  void refuse() {
    shared_.limited.add();
    scope_.answer().refuse(handle(), standing_, "rate_limited");
  }

  // Redis has not said anything. False: the request was refused.
  bool fail() {
    const FilterStats& stats = shared_.config.stats;
    switch (on_failure_) {
      case OnFailure::kPass:
        shared_.block.counter(stats.failed_passed).add();
        return true;
      case OnFailure::kRefuse:
        shared_.block.counter(stats.failed_refused).add();
        if (scope_.shadow()) return true;
        handle().localReply({.status = 503,
                             .body = "requests cannot be counted now\n",
                             .flag = http::ResponseFlag::kRateLimitServiceError,
                             .detail = "rate_limit_unavailable"});
        return false;
      case OnFailure::kLocal:
        shared_.block.counter(stats.failed_local).add();
        return takeLocally();
    }
    return true;
  }

  bool takeLocally() {
    const Nanoseconds now = shared_.dispatcher.now().time_since_epoch().count();
    std::array<CountedStanding, kMaxAsked> standings;
    size_t at = 0;
    bool passes = true;
    for (const Counted* counted = first_; counted != nullptr; counted = counted->next) {
      const Limit& limit = *counted->limit;
      const TokenAnswer answer = limit.local->by_key.take(counted->key, limit.local_rate, now);
      standings[at++] = {
          .passes = answer.taken,
          .left = answer.left,
          .until_next = std::chrono::ceil<milliseconds>(nanoseconds(answer.until_next)),
          .until_full = std::chrono::ceil<milliseconds>(nanoseconds(answer.until_full))};
      passes &= answer.taken || shadowed(limit);
    }
    if (!passes) giveBack(standings);
    return judge(std::span<const CountedStanding>(standings).first(at));
  }

  void giveBack(std::span<const CountedStanding> standings) {
    size_t at = 0;
    for (const Counted* counted = first_; counted != nullptr; counted = counted->next) {
      const Limit& limit = *counted->limit;
      if (standings[at++].passes) limit.local->by_key.giveBack(counted->key, limit.local_rate);
    }
  }

  Shared& shared_;
  ChosenScope scope_;
  OnFailure on_failure_ = OnFailure::kPass;
  SharedCounters::Question* question_ = nullptr;  // while it waits
  Counted* first_ = nullptr;
  Counted** end_ = &first_;
  size_t count_ = 0;
  RateLimitStanding standing_;
  bool noted_ = false;     // standing_ is set
  bool refusing_ = false;  // of a limit that refuses
};

// Worker-confined.
class WorkerRateLimitFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerRateLimitFactory(const RateLimitFactory& factory, base::ServiceMap& services)
      : shared_(factory.config(), services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<RateLimitFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> RateLimitFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerRateLimitFactory>(*this, services);
}

}  // namespace weir::extensions::http_filters::rate_limit
