#pragma once

#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/http/header_rules.h"
#include "source/router/cluster_cache.h"
#include "source/router/hedging.h"
#include "source/router/mirroring.h"

namespace weir::router {

// What the routers of one worker share, of one table. Worker-confined.
struct RouterParts {
  RouterParts(const RouteTable& table, base::ServiceMap& services)
      : clusters(services.get<upstream::ClusterSet>(), table.clusters().size()),
        hedging(services),
        mirroring(services) {}

  ClusterCache clusters;
  base::Random random;
  Hedging hedging;
  Mirroring mirroring;
  const http::HeaderRules* request_headers = nullptr;  // null: none
};

}  // namespace weir::router
