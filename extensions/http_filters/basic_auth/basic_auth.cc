#include "extensions/http_filters/basic_auth/basic_auth.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "absl/functional/any_invocable.h"

#include "extensions/http_filters/basic_auth/credentials.h"
#include "extensions/http_filters/basic_auth/remembered.h"
#include "extensions/http_filters/common/access/credentials.h"
#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

constexpr std::string_view kScheme = "Basic ";

// The way back to a worker, which may have gone when a password has been checked. Thread-safe.
class WayBack {
 public:
  explicit WayBack(event::Dispatcher& dispatcher) : dispatcher_(&dispatcher) {}
  void post(absl::AnyInvocable<void()> task) {
    const std::lock_guard lock(mutex_);
    if (dispatcher_ != nullptr) dispatcher_->post(std::move(task));
  }
  void close() {
    const std::lock_guard lock(mutex_);
    dispatcher_ = nullptr;
  }

 private:
  std::mutex mutex_;
  event::Dispatcher* dispatcher_;  // null: the worker has gone
};

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const BasicAuthConfig> c, event::Dispatcher& dispatcher,
         stats::Block& block)
      : config(std::move(c)),
        way_back(std::make_shared<WayBack>(dispatcher)),
        remembered(config->remember),
        allowed(block.counter(config->stats.allowed)),
        missing(block.counter(config->stats.missing)),
        malformed(block.counter(config->stats.malformed)),
        wrong(block.counter(config->stats.wrong)),
        forbidden(block.counter(config->stats.forbidden)),
        busy(block.counter(config->stats.busy)),
        checked(block.counter(config->stats.checked)) {}

  ~Shared() { way_back->close(); }

  const std::shared_ptr<const BasicAuthConfig> config;
  const std::shared_ptr<WayBack> way_back;
  SlotReader<UserTable> users;
  Remembered remembered;
  stats::Cell& allowed;
  stats::Cell& missing;
  stats::Cell& malformed;
  stats::Cell& wrong;
  stats::Cell& forbidden;
  stats::Cell& busy;
  stats::Cell& checked;
};

// Worker-confined.
class BasicAuthFilter final : public http::HttpFilter {
 public:
  explicit BasicAuthFilter(Shared& shared) : shared_(shared) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const BasicAuthConfig& config = *shared_.config;
    if (!config.user_header.empty()) head.headers.remove(config.user_header);
    const auto encoded = findCredential(head.headers, "authorization", kScheme);
    if (!encoded) return challenge(shared_.missing, "basic_auth_missing");
    auto credentials = parseCredentials(*encoded);
    if (!credentials) return challenge(shared_.malformed, "basic_auth_malformed");
    return check(std::move(*credentials));
  }
  void onStreamEnd() override {
    if (asked_ == nullptr) return;
    asked_->filter = nullptr;
    asked_->given_up = true;
  }

 private:
  // What a check under way reports to.
  struct Asked {
    BasicAuthFilter* filter;            // of the worker; null when the stream is over
    std::atomic<bool> given_up{false};  // for the thread that checks: nobody waits any more
    Remembered::Digest digest;
  };

  http::Verdict check(Credentials credentials) {
    const UserTable* const users = shared_.users.read(shared_.config->users);
    const std::string* const hash = users == nullptr ? nullptr : users->hashOf(credentials.user);
    const bool known = hash != nullptr;
    // A user who is not there takes as long as one who is.
    const std::string& checked = known ? *hash : users->decoy();
    user_ = credentials.user;
    const Remembered::Digest digest =
        shared_.remembered.digest(credentials.user, credentials.password, checked);
    if (known && shared_.remembered.has(digest, handle().dispatcher().now())) {
      return accept() ? http::Verdict::kContinue : http::Verdict::kPause;
    }
    asked_ = std::make_shared<Asked>();
    asked_->filter = this;
    asked_->digest = digest;
    const bool taken = shared_.config->pool.tasks().submit(
        [way_back = shared_.way_back, asked = asked_, known, checked = checked,
         password = std::move(credentials.password)]() mutable {
          const bool right = !asked->given_up && checkPassword(password, checked) && known;
          way_back->post([asked = std::move(asked), right] {
            if (asked->filter != nullptr) asked->filter->onChecked(right);
          });
        });
    if (!taken) {
      asked_.reset();
      shared_.busy.add();
      const http::ReplyField later{.name = "retry-after", .value = "1"};
      return refuse(503, "basic_auth_busy", {&later, 1});
    }
    shared_.checked.add();
    return http::Verdict::kPause;
  }

  void onChecked(bool right) {
    const std::shared_ptr<Asked> asked = std::move(asked_);
    if (!right) {
      challenge(shared_.wrong, "basic_auth_wrong");
      return;
    }
    shared_.remembered.add(asked->digest, handle().dispatcher().now());
    if (accept()) handle().resumeRequest();
  }

  // False: refused, as not allowed here.
  bool accept() {
    const BasicAuthConfig& config = *shared_.config;
    const auto* const route = static_cast<const BasicAuthRoute*>(handle().routeConfig());
    const std::vector<std::string>& may = route != nullptr ? route->allowed : config.allowed;
    if (!may.empty() && !std::binary_search(may.begin(), may.end(), user_)) {
      shared_.forbidden.add();
      refuse(403, "basic_auth_forbidden", {});
      return false;
    }
    shared_.allowed.add();
    http::RequestHead& head = handle().requestHead();
    if (!config.forward) stripCredential(head.headers, "authorization", kScheme);
    if (!config.user_header.empty()) head.headers.set(config.user_header, user_);
    handle().dynamicMetadata().set("basic_auth", "user", std::string_view(user_));
    return true;
  }

  http::Verdict challenge(stats::Cell& cell, std::string_view detail) {
    cell.add();
    const std::string text = "Basic realm=\"" + shared_.config->realm + "\", charset=\"UTF-8\"";
    const http::ReplyField field{.name = "www-authenticate", .value = text};
    return refuse(401, detail, {&field, 1});
  }
  http::Verdict refuse(uint16_t status, std::string_view detail,
                       std::span<const http::ReplyField> fields) {
    handle().localReply({.status = status,
                         .flag = http::ResponseFlag::kUnauthorized,
                         .detail = detail,
                         .fields = fields});
    return http::Verdict::kPause;
  }

  Shared& shared_;
  std::string user_;
  std::shared_ptr<Asked> asked_;
};

// Worker-confined.
class WorkerBasicAuthFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerBasicAuthFactory(std::shared_ptr<const BasicAuthConfig> config, base::ServiceMap& services)
      : shared_(std::move(config), services.get<event::Dispatcher>(),
                services.get<stats::Block>()) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<BasicAuthFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

base::TaskPool& PasswordPool::tasks() {
  std::call_once(once_,
                 [this] { tasks_ = std::make_unique<base::TaskPool>(kThreads, max_waiting_); });
  return *tasks_;
}

std::unique_ptr<http::WorkerHttpFilterFactory> BasicAuthFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerBasicAuthFactory>(config_, services);
}

}  // namespace weir::extensions::http_filters::basic_auth
