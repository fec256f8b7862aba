#include "extensions/http_filters/api_key/config.h"

#include <algorithm>
#include <utility>

#include "api/weir/extensions/http_filters/api_key/v1/api_key.pb.h"
#include "extensions/http_filters/api_key/api_key.h"
#include "extensions/http_filters/common/access/fields.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters::api_key {
namespace {

using config::Cursor;

constexpr size_t kMaxFileBytes = size_t{16} << 20;

std::vector<std::string> readAllowed(const v1::ApiKey& from) {
  std::vector<std::string> to(from.allowed_clients().begin(), from.allowed_clients().end());
  std::sort(to.begin(), to.end());
  return to;
}

KeyTable readInline(const v1::ApiKey& from, const Cursor& at) {
  KeyTable to;
  for (int i = 0; i < from.clients_size(); ++i) {
    const v1::Client& client = from.clients(i);
    const Cursor here = at.at("clients", i);
    if (client.sha256_size() == 0) here.field("sha256").error("is empty", "write one at least");
    for (int k = 0; k < client.sha256_size(); ++k) {
      const absl::Status status = to.addHashed(client.name(), client.sha256(k));
      if (!status.ok()) config::report(status, here.at("sha256", k));
    }
  }
  return to;
}

bool readKeys(const v1::ApiKey& from, const std::string& label, const Cursor& at,
              const std::shared_ptr<ApiKeyConfig>& to, config::CompileContext& context) {
  if (from.clients_size() + from.key_files_size() == 0) {
    at.error("has no keys", "give it `key_files` or `clients`");
    return false;
  }
  std::vector<std::string> files;
  for (int i = 0; i < from.key_files_size(); ++i) {
    const Cursor file = at.at("key_files", i);
    if (!config::require(from.key_files(i), file, "name a file of keys")) return false;
    files.push_back(file.resolvePath(from.key_files(i)));
  }
  const auto load = [listed = readInline(from, at), files,
                     weak = std::weak_ptr<ApiKeyConfig>(to)]() -> absl::Status {
    auto keys = std::make_shared<KeyTable>(listed);
    for (const std::string& file : files) {
      const auto text = readSmallFile(file, kMaxFileBytes);
      if (!text.ok()) return text.status();
      const absl::Status status = keys->addLines(file, *text);
      if (!status.ok()) return status;
    }
    if (const auto target = weak.lock()) target->keys.set(std::move(keys));
    return {};
  };
  return loadFiles({.area = "api_key", .filter = label, .files = files, .load = load}, at, context);
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> ApiKeyExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::ApiKey&>(config);
  const size_t problems = at.diagnostics().list().size();
  const std::string label = filterLabel(from.stat_prefix(), context);
  auto to = std::make_shared<ApiKeyConfig>();
  for (int i = 0; i < from.places_size(); ++i) {
    to->places.push_back(readPlace(from.places(i), at.at("places", i)));
  }
  if (to->places.empty()) to->places.push_back({.name = "x-api-key", .prefix = {}});
  to->forward = from.forward();
  to->client_header = readFieldName(from.client_header(), at.field("client_header"));
  to->allowed = readAllowed(from);
  readKeys(from, label, at, to, context);
  if (at.diagnostics().list().size() > problems) return nullptr;
  const auto denied = [&](const char* reason) {
    return context.stats.counter("api_key_denied_total", "Requests refused, by reason.",
                                 {{"filter", label}, {"reason", reason}});
  };
  to->stats = {.allowed = context.stats.counter("api_key_allowed_total",
                                                "Requests with a key that was good for them.",
                                                {{"filter", label}}),
               .missing = denied("missing"),
               .unknown = denied("unknown"),
               .forbidden = denied("forbidden")};
  return std::make_shared<ApiKeyFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> ApiKeyExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::ApiKey&>(config);
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  refuseInRoute(from.clients_size() > 0, at.field("clients"));
  refuseInRoute(from.key_files_size() > 0, at.field("key_files"));
  refuseInRoute(from.places_size() > 0, at.field("places"));
  refuseInRoute(from.forward(), at.field("forward"));
  refuseInRoute(!from.client_header().empty(), at.field("client_header"));
  auto to = std::make_shared<ApiKeyRoute>();
  to->allowed = readAllowed(from);
  return to;
}

}  // namespace weir::extensions::http_filters::api_key
