#include "extensions/http_filters/local_rate_limit/local_rate_limit.h"

#include <algorithm>
#include <new>
#include <string_view>

#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::local_rate_limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

milliseconds roundedUp(Nanoseconds time) {
  return std::chrono::ceil<milliseconds>(nanoseconds(time));
}

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(const LocalRateLimitSettings& filter_settings, const FilterStats& ids,
         base::ServiceMap& services)
      : settings(filter_settings),
        dispatcher(services.get<event::Dispatcher>()),
        block(services.get<stats::Block>()),
        exempt(block.counter(ids.exempt)),
        limited(block.counter(ids.limited)),
        unlimited(block.counter(ids.unlimited)) {}
  const LocalRateLimitSettings& settings;
  event::Dispatcher& dispatcher;
  stats::Block& block;
  base::Random random;
  stats::Cell& exempt;
  stats::Cell& limited;
  stats::Cell& unlimited;
};

// Worker-confined.
class LocalRateLimitFilter final : public http::HttpFilter {
 public:
  explicit LocalRateLimitFilter(Shared& shared)
      : shared_(shared), scope_(nullptr, shared.settings.scope) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const auto* const config = static_cast<const LocalRateLimitRoute*>(handle().routeConfig());
    route_ = config == nullptr ? nullptr : &config->settings;
    scope_ = ChosenScope(route_ == nullptr ? nullptr : &route_->scope, shared_.settings.scope);
    if (!scope_.asks(shared_.random)) return http::Verdict::kContinue;
    if (scope_.exempts(head, handle().info())) {
      shared_.exempt.add();
      return http::Verdict::kContinue;
    }
    return takeAll(head);
  }

  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    if (noted_ && scope_.answer().tellsAll()) scope_.answer().tell(standing_, head.headers);
    return http::Verdict::kContinue;
  }

 private:
  // A token that the request has, until it is sure that it may pass. Lives in the stream's arena,
  // as does its key.
  struct Taken {
    const Limit* limit;
    std::string_view key;  // not where the limit has none
    const Taken* before;
  };

  http::Verdict takeAll(const http::RequestHead& head) {
    const bool own = route_ != nullptr && !route_->limits.empty();
    const Limit* refused = nullptr;
    if (!own || route_->add_limits) refused = takeThese(shared_.settings.limits, head);
    if (own && refused == nullptr) refused = takeThese(route_->limits, head);
    if (!counted_) {
      shared_.unlimited.add();
      return http::Verdict::kContinue;
    }
    if (refused == nullptr) {
      for (const Taken* taken = taken_; taken != nullptr; taken = taken->before) {
        shared_.block.counter(taken->limit->stats.passed).add();
      }
      return http::Verdict::kContinue;
    }
    giveAllBack();
    shared_.limited.add();
    scope_.answer().refuse(handle(), standing_, "local_rate_limited");
    return http::Verdict::kPause;
  }

  // The first that refuses the request; null: none does.
  const Limit* takeThese(const std::vector<Limit>& limits, const http::RequestHead& head) {
    for (const Limit& limit : limits) {
      const bool counted =
          std::all_of(limit.headers.begin(), limit.headers.end(),
                      [&](const http::HeaderMatcher& matcher) { return matcher.matches(head); });
      if (counted && !take(limit, head)) return &limit;
    }
    return nullptr;
  }

  bool take(const Limit& limit, const http::RequestHead& head) {
    const Nanoseconds now = shared_.dispatcher.now().time_since_epoch().count();
    TokenAnswer answer;
    std::string_view key;
    if (limit.key.constant()) {
      answer = limit.buckets->all.take(limit.rate, now);
    } else {
      RequestKey::Room room;
      const auto text =
          limit.key.build({.head = head,
                           .info = handle().info(),
                           .route = limit.key.needsRoute() ? handle().route() : nullptr},
                          room);
      if (!text) return true;
      key = handle().arena().copy(*text);
      answer = limit.buckets->by_key.take(key, limit.rate, now);
      if (answer.displaced) shared_.block.counter(limit.stats.displaced).add();
    }
    counted_ = true;
    if (answer.taken) {
      note(limit, answer);
      taken_ =
          new (handle().arena().allocate(sizeof(Taken), alignof(Taken))) Taken{&limit, key, taken_};
      return true;
    }
    handle().dynamicMetadata().set("local_rate_limit", "limit", std::string_view(limit.name));
    const bool lets = limit.shadow || scope_.shadow();
    if (!lets) note(limit, answer);
    shared_.block.counter(lets ? limit.stats.shadowed : limit.stats.refused).add();
    return lets;
  }

  // Remembers the tightest, for the answer.
  void note(const Limit& limit, const TokenAnswer& answer) {
    const RateLimitStanding standing{.name = limit.name,
                                     .quota = limit.requests,
                                     .window = limit.per,
                                     .left = answer.left,
                                     .until_next = roundedUp(answer.until_next),
                                     .until_full = roundedUp(answer.until_full)};
    // One that refuses is always told of.
    if (!noted_ || !answer.taken || standing.tighterThan(standing_)) standing_ = standing;
    noted_ = true;
  }

  void giveAllBack() {
    for (; taken_ != nullptr; taken_ = taken_->before) {
      LimitBuckets& buckets = *taken_->limit->buckets;
      if (taken_->limit->key.constant()) {
        buckets.all.giveBack(taken_->limit->rate);
      } else {
        buckets.by_key.giveBack(taken_->key, taken_->limit->rate);
      }
    }
  }

  Shared& shared_;
  const LocalRateLimitSettings* route_ = nullptr;
  ChosenScope scope_;
  const Taken* taken_ = nullptr;
  RateLimitStanding standing_;
  bool counted_ = false;  // some limit is for it
  bool noted_ = false;    // standing_ is set
};

// Worker-confined.
class WorkerLocalRateLimitFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerLocalRateLimitFactory(const LocalRateLimitFactory& factory, base::ServiceMap& services)
      : shared_(factory.settings(), factory.stats(), services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<LocalRateLimitFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> LocalRateLimitFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerLocalRateLimitFactory>(*this, services);
}

}  // namespace weir::extensions::http_filters::local_rate_limit
