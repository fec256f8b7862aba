// An HTTP filter that lets in who has a key. Keys are asked of a service, by an HTTP call while the
// request waits; what it says is kept for a while in a shared dictionary, so that all workers ask
// once.
//
//   filters { config { [http_filters/key_service] { text: "auth" } } }   (the service's cluster)
#include <weir/plugin/plugin.hpp>

namespace sdk = weir::sdk;
using namespace std::chrono_literals;

namespace {

struct Settings {
  explicit Settings(sdk::Config& config) : cluster(config.text("text").value_or("")) {
    if (cluster.empty()) config.error("text", "names no cluster", "write the service's cluster");
  }
  std::string cluster;
};

// On each worker.
struct Worker {
  Worker(const Settings& from, sdk::Loop& loop)
      : settings(from),
        known(loop.dictionary("known_keys")),
        asked(loop.counter("keys_asked_total")) {}
  const Settings& settings;
  sdk::Dictionary known;  // by key, the user; "" when the key is none
  sdk::Counter asked;
};

class KeyService {
 public:
  KeyService(Worker& worker, sdk::Stream& stream) : worker_(worker), stream_(stream) {}

  sdk::Verdict onRequestHead(sdk::Headers head, bool) {
    head.remove("x-user");  // only we say who it is
    key_ = head.value("x-api-key");
    if (key_.empty() || key_.size() > 128) return refuse(401, "a key is needed: x-api-key\n");
    if (const auto user = worker_.known.get(key_)) {
      return user->empty() ? refuse(403, "this key is none\n") : letIn(*user);
    }
    worker_.asked.add();
    call_ = stream_.call({.cluster = worker_.settings.cluster,
                          .path = "/verify",
                          .authority = "auth.internal",
                          .fields = {{"x-api-key", key_}},
                          .timeout = 500ms},
                         [this](const sdk::CallResponse& answer) { onAnswer(answer); });
    return call_ ? sdk::Verdict::kPause : refuse(503, "keys cannot be checked now\n");
  }

 private:
  void onAnswer(const sdk::CallResponse& answer) {
    if (answer.status() == 200 && !answer.headers().value("x-user").empty()) {
      const std::string user(answer.headers().value("x-user"));
      worker_.known.set(key_, user, 60s);
      letIn(user);
      return stream_.resumeRequest();
    }
    if (answer.status() == 401 || answer.status() == 403) {
      worker_.known.set(key_, "", 10s);
      refuse(403, "this key is none\n");
    } else {
      refuse(503, "keys cannot be checked now\n");  // never open because the service is down
    }
  }
  sdk::Verdict letIn(std::string_view user) {
    stream_.requestHeaders().set("x-user", user);
    return sdk::Verdict::kContinue;
  }
  sdk::Verdict refuse(uint32_t status, std::string_view why) {
    stream_.reply({.status = status, .body = why, .detail = "key_service"});
    return sdk::Verdict::kPause;
  }

  Worker& worker_;
  sdk::Stream& stream_;
  std::string key_;
  sdk::Call call_;
};

}  // namespace

WEIR_PLUGIN("key_service", "1.0", sdk::httpFilter<KeyService, Settings, Worker>("key_service"))
