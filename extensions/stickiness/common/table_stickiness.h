#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "source/upstream/load_balancer.h"
#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness {

// What a client is known by, hashed; nothing: not known. Does not allocate. Thread-safe.
using ClientHash = std::function<std::optional<uint64_t>(const upstream::PickContext&)>;

// Clients are bound to the endpoint that is chosen for them first, in a table that the workers
// share. Worker-confined.
class TableStickiness final : public upstream::Stickiness {
 public:
  // `hash` and `cluster` outlive it.
  TableStickiness(const ClientHash& hash, std::shared_ptr<upstream::StickyTable> table,
                  upstream::WorkerCluster& cluster)
      : hash_(hash), table_(std::move(table)), cluster_(cluster) {}

  upstream::StickyAnswer find(const upstream::PickContext& context,
                              upstream::StickyRequest& request) override;
  uint64_t onChosen(const upstream::PickContext& context, upstream::StickyRequest& request,
                    const upstream::StickyHost& host) override;

 private:
  const ClientHash& hash_;
  const std::shared_ptr<upstream::StickyTable> table_;
  upstream::WorkerCluster& cluster_;
};

// Immutable.
class TableStickinessFactory final : public upstream::StickinessFactory {
 public:
  struct Options {
    std::string kind;
    std::string identity;  // the kind, and what clients are known by
    bool serves_connections = false;
    upstream::StickyLimits limits = {};
  };
  TableStickinessFactory(Options options, ClientHash hash)
      : options_(std::move(options)), hash_(std::move(hash)) {}
  std::string_view name() const override { return options_.kind; }
  bool servesConnections() const override { return options_.serves_connections; }
  std::unique_ptr<upstream::Stickiness> create(
      const upstream::StickinessContext& context) const override;

 private:
  const Options options_;
  const ClientHash hash_;
};

}  // namespace weir::extensions::stickiness
