#include "extensions/stickiness/store/config.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/weir/config/v1/hash.pb.h"
#include "api/weir/config/v1/sticky.pb.h"
#include "api/weir/extensions/stickiness/store/v1/store.pb.h"
#include "extensions/stickiness/store/store.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/config/hash_keys.h"
#include "source/config/redis_server.h"
#include "source/config/sticky_options.h"

namespace weir::extensions::stickiness::store {
namespace {

using std::chrono::milliseconds;

constexpr int kMostKeys = 8;
constexpr size_t kMostPrefix = 128;

const google::protobuf::Duration* given(bool has, const google::protobuf::Duration& value) {
  return has ? &value : nullptr;
}

ClientIdentifier readClient(const v1::Store& from, const config::Cursor& at) {
  if (from.client_identifier().empty()) {
    at.field("client_identifier")
        .error("is required",
               "say what clients are known by, such as client_identifier { cookie: \"session\" }");
  }
  std::vector<upstream::HashKey> keys =
      config::readHashKeys(from.client_identifier(), "client_identifier", kMostKeys, at);
  for (int i = 0; i < from.client_identifier_size(); ++i) {
    if (!from.client_identifier(i).has_five_tuple()) continue;
    at.at("client_identifier", i)
        .field("five_tuple")
        .error("every connection has another one, so nobody would come back",
               "use source_address { } or something that the client keeps");
  }
  return ClientIdentifier(std::move(keys));
}

std::string readPrefix(const v1::Store& from, const config::Cursor& at, std::string_view cluster) {
  if (from.key_prefix().empty()) return base::concat("sticky:", cluster, ":");
  if (from.key_prefix().size() > kMostPrefix) {
    at.field("key_prefix")
        .error(base::concat("has ", from.key_prefix().size(), " bytes"),
               base::concat("it may have at most ", kMostPrefix));
  }
  return from.key_prefix();
}

}  // namespace

std::shared_ptr<const upstream::StickinessFactory> StoreExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Store&>(config);
  StoreOptions options{.client = readClient(from, at)};
  for (const auto& key : from.client_identifier()) {
    options.client_identity += base::concat(key.SerializeAsString(), "\n");
  }
  options.limits = config::readStickyTable(from.table(), at.field("table"));
  SharedSettings& shared = options.shared;
  if (from.has_redis()) {
    shared.server = config::compileRedis(from.redis(), at.field("redis"), context);
  } else {
    at.field("redis").error("is required", "write redis { address: \"127.0.0.1:6379\" }");
  }
  shared.key_prefix = readPrefix(from, at, context.cluster_name);
  shared.ttl = options.limits.ttl;
  shared.budget =
      config::readDuration(given(from.has_lookup_budget(), from.lookup_budget()), shared.budget,
                           {milliseconds(1), milliseconds(1000)}, at.field("lookup_budget"));
  options.refresh = config::readDuration(
      given(from.has_refresh_interval(), from.refresh_interval()), shared.ttl / 4,
      {std::min(milliseconds(1000), shared.ttl), shared.ttl}, at.field("refresh_interval"));
  shared.max_writes =
      static_cast<uint32_t>(config::readNumberOr(from.max_pending_writes(), shared.max_writes,
                                                 {1, 1'000'000}, at.field("max_pending_writes")));
  shared.max_timeouts = static_cast<uint32_t>(config::readNumberOr(
      from.max_timeouts(), shared.max_timeouts, {1, 1000}, at.field("max_timeouts")));
  if (!at.diagnostics().ok()) return nullptr;
  return std::make_shared<StoreFactory>(
      std::move(options), StoreStats::create(context.stats, std::string(context.cluster_name)));
}

}  // namespace weir::extensions::stickiness::store
