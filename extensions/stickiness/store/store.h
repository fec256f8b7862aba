#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "extensions/stickiness/store/client_identifier.h"
#include "extensions/stickiness/store/shared_bindings.h"
#include "extensions/stickiness/store/store_stats.h"
#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness::store {

// What the extension makes of its configuration. Value.
struct StoreOptions {
  ClientIdentifier client;
  std::string client_identity = {};  // what `client` was made of
  SharedSettings shared = {};
  upstream::StickyLimits limits = {};      // of the local table
  std::chrono::milliseconds refresh = {};  // of a binding that is used, at most so often
};

// Clients belong to an endpoint by a table that the nodes of a fleet share in Redis. A local table
// answers first; who is not in there waits for the shared one, within a budget. Immutable.
class StoreFactory final : public upstream::StickinessFactory {
 public:
  StoreFactory(StoreOptions options, const StoreStats& stats);
  std::string_view name() const override { return "store"; }
  bool servesConnections() const override { return options_.client.servesConnections(); }
  // A transport's certificates are watched for the configuration it came with.
  std::string fingerprint() const override;
  std::unique_ptr<upstream::Stickiness> create(
      const upstream::StickinessContext& context) const override;

 private:
  const StoreOptions options_;
  const StoreStats stats_;
};

}  // namespace weir::extensions::stickiness::store
