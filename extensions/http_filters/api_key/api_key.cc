#include "extensions/http_filters/api_key/api_key.h"

#include <algorithm>

#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::api_key {
namespace {

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const ApiKeyConfig> c, stats::Block& block)
      : config(std::move(c)),
        allowed(block.counter(config->stats.allowed)),
        missing(block.counter(config->stats.missing)),
        unknown(block.counter(config->stats.unknown)),
        forbidden(block.counter(config->stats.forbidden)) {}

  const std::shared_ptr<const ApiKeyConfig> config;
  SlotReader<KeyTable> keys;
  stats::Cell& allowed;
  stats::Cell& missing;
  stats::Cell& unknown;
  stats::Cell& forbidden;
};

// Worker-confined.
class ApiKeyFilter final : public http::HttpFilter {
 public:
  explicit ApiKeyFilter(Shared& shared) : shared_(shared) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const ApiKeyConfig& config = *shared_.config;
    if (!config.client_header.empty()) head.headers.remove(config.client_header);
    const auto place =
        std::find_if(config.places.begin(), config.places.end(),
                     [&head](const CredentialPlace& each) { return each.find(head).has_value(); });
    if (place == config.places.end()) {
      return refuse(shared_.missing, 401, "api_key_missing", "there is no API key");
    }
    const KeyTable* const keys = shared_.keys.read(config.keys);
    const std::string* const client = keys == nullptr ? nullptr : keys->find(*place->find(head));
    if (client == nullptr) {
      return refuse(shared_.unknown, 401, "api_key_unknown", "the API key is not known");
    }
    const auto* const route = static_cast<const ApiKeyRoute*>(handle().routeConfig());
    const std::vector<std::string>& may = route != nullptr ? route->allowed : config.allowed;
    if (!may.empty() && !std::binary_search(may.begin(), may.end(), *client)) {
      return refuse(shared_.forbidden, 403, "api_key_forbidden", "the API key is not for this");
    }
    shared_.allowed.add();
    if (!config.forward) place->strip(head);
    if (!config.client_header.empty()) head.headers.set(config.client_header, *client);
    handle().dynamicMetadata().set("api_key", "client", std::string_view(*client));
    return http::Verdict::kContinue;
  }

 private:
  http::Verdict refuse(stats::Cell& cell, uint16_t status, std::string_view detail,
                       std::string_view text) {
    cell.add();
    handle().localReply({.status = status,
                         .body = text,
                         .flag = http::ResponseFlag::kUnauthorized,
                         .detail = detail});
    return http::Verdict::kPause;
  }

  Shared& shared_;
};

// Worker-confined.
class WorkerApiKeyFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerApiKeyFactory(std::shared_ptr<const ApiKeyConfig> config, stats::Block& block)
      : shared_(std::move(config), block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<ApiKeyFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> ApiKeyFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerApiKeyFactory>(config_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::api_key
