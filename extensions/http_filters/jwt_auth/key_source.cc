#include "extensions/http_filters/jwt_auth/key_source.h"

#include <algorithm>
#include <charconv>

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::jwt_auth {

std::optional<std::chrono::seconds> maxAge(std::string_view cache_control) {
  constexpr std::string_view kMaxAge = "max-age=";
  std::optional<std::chrono::seconds> found;
  while (!cache_control.empty()) {
    const size_t end = std::min(cache_control.find(','), cache_control.size());
    const std::string_view directive = base::trimOws(cache_control.substr(0, end));
    cache_control.remove_prefix(std::min(end + 1, cache_control.size()));
    if (base::equalsIgnoreCase(directive, "no-store") ||
        base::equalsIgnoreCase(directive, "no-cache")) {
      return std::nullopt;
    }
    if (!base::startsWithIgnoreCase(directive, kMaxAge)) continue;
    const std::string_view digits = directive.substr(kMaxAge.size());
    uint32_t seconds = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (error == std::errc() && stop == digits.data() + digits.size()) {
      found = std::chrono::seconds(seconds);
    }
  }
  return found;
}

bool KeySource::beginIfDue(event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (fetching_ || now < due_) return false;
  fetching_ = tried_ = true;
  begun_ = now;
  return true;
}

bool KeySource::beginForUnknownKey(event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (fetching_ || now - begun_ < remote_->unknown_key_interval) return false;
  fetching_ = tried_ = true;
  begun_ = now;
  return true;
}

bool KeySource::comesSoon() const {
  const std::lock_guard lock(mutex_);
  return fetching_ || !tried_;
}

void KeySource::end(std::shared_ptr<const Jwks> keys, std::optional<std::chrono::seconds> max_age,
                    event::MonotonicTime now, double chance) {
  const bool good = keys != nullptr;
  if (good) keys_.set(std::move(keys));
  const std::lock_guard lock(mutex_);
  fetching_ = false;
  if (good) {
    failures_ = 0;
    std::chrono::milliseconds wait = remote_->refresh;
    if (max_age)
      wait = std::min<std::chrono::milliseconds>(wait, std::max(*max_age, kLeastRefresh));
    due_ = now + wait;
  } else {
    // Half of it at least, so that many proxies do not come at once.
    const auto most = remote_->retry * (1 << std::min(failures_, kMaxDoublings));
    ++failures_;
    due_ = now + std::chrono::duration_cast<std::chrono::milliseconds>(most * (0.5 + chance / 2));
  }
  tellAll();
}

void KeySource::abandon(event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  fetching_ = false;
  due_ = now;
  tellAll();
}

event::MonotonicTime KeySource::due() const {
  const std::lock_guard lock(mutex_);
  return due_;
}

void KeySource::tellAll() {
  for (const Subscriber& subscriber : subscribers_) subscriber.dispatcher->post(subscriber.told);
}

uint64_t KeySource::subscribe(event::Dispatcher& dispatcher, std::function<void()> told) {
  const std::lock_guard lock(mutex_);
  subscribers_.push_back({++last_id_, &dispatcher, std::move(told)});
  return last_id_;
}

void KeySource::unsubscribe(uint64_t id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(subscribers_, [id](const Subscriber& each) { return each.id == id; });
}

}  // namespace weir::extensions::http_filters::jwt_auth
