#include "extensions/http_filters/jwt_auth/key_fetcher.h"

#include <algorithm>

#include "source/base/concat.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using std::chrono::milliseconds;

// While another worker fetches.
constexpr milliseconds kLeastWait{50};

}  // namespace

KeyFetcher::KeyFetcher(KeySource& source, std::string_view provider, router::HttpCalls& calls,
                       event::Dispatcher& dispatcher, const FetchCells& cells)
    : source_(source),
      provider_(provider),
      calls_(calls),
      dispatcher_(dispatcher),
      cells_(cells),
      timer_(dispatcher.createTimer([this] { onTimer(); })),
      self_(std::make_shared<KeyFetcher*>(this)) {
  subscription_ = source_.subscribe(dispatcher_, [self = self_] {
    if (*self != nullptr) (*self)->onTold();
  });
  timer_->start(milliseconds(0));
}

KeyFetcher::~KeyFetcher() {
  source_.unsubscribe(subscription_);
  *self_ = nullptr;
  if (!call_) return;
  call_.cancel();
  source_.abandon(dispatcher_.now());
}

bool KeyFetcher::awaitFirst(KeyWaiter& waiter) {
  if (!source_.comesSoon()) return false;
  waiting_.pushBack(waiter);
  return true;
}

bool KeyFetcher::awaitOther(KeyWaiter& waiter) {
  if (source_.beginForUnknownKey(dispatcher_.now())) {
    fetch();
  } else if (!source_.comesSoon()) {
    return false;
  }
  waiting_.pushBack(waiter);
  return true;
}

void KeyFetcher::onTimer() {
  if (source_.beginIfDue(dispatcher_.now())) {
    fetch();
  } else {
    arm();
  }
}

void KeyFetcher::arm() {
  const auto wait = std::chrono::ceil<milliseconds>(source_.due() - dispatcher_.now());
  timer_->start(std::max(wait, kLeastWait));
}

void KeyFetcher::fetch() {
  const RemoteKeys& remote = *source_.remote();
  constexpr router::HttpCallField kFields[] = {
      {"accept", "application/jwk-set+json, application/json"}};
  call_ = calls_.start({.cluster = remote.cluster,
                        .authority = remote.authority,
                        .path = remote.path,
                        .fields = kFields,
                        .timeout = remote.timeout,
                        .max_response_bytes = Jwks::kMaxBytes},
                       *this);
}

void KeyFetcher::onHttpCallAnswer(router::HttpCallAnswer& answer) {
  if (answer.head.status != 200) {
    return finish(nullptr, {}, base::concat("the answer's status is ", answer.head.status));
  }
  const auto keys = Jwks::parse(answer.body.toString());
  if (!keys.ok()) return finish(nullptr, {}, base::view(keys.status().message()));
  finish(*keys, maxAge(answer.head.headers.get(http::HeaderId::kCacheControl)), {});
}

void KeyFetcher::onHttpCallFailure(const http::StreamError& error) {
  finish(nullptr, {}, error.detail());
}

void KeyFetcher::finish(std::shared_ptr<const Jwks> keys,
                        std::optional<std::chrono::seconds> max_age, std::string_view problem) {
  const bool good = keys != nullptr;
  (good ? cells_.good : cells_.bad)->add();
  if (!good) {
    if (const auto held_back = log_limit_.admit(dispatcher_.now())) {
      base::log::warning("jwt_auth", "provider \"", provider_, "\": no keys from cluster \"",
                         source_.remote()->cluster, "\": ", problem, "; those from before stay (",
                         *held_back, " more of these)");
    }
  }
  source_.end(std::move(keys), max_age, dispatcher_.now(), random_.unit());
}

// On every worker, after each fetch.
void KeyFetcher::onTold() {
  arm();
  base::IntrusiveList<KeyWaiter> told;
  told.spliceBack(waiting_);
  while (KeyWaiter* const waiter = told.popFront()) waiter->onKeysCame();
}

}  // namespace weir::extensions::http_filters::jwt_auth
