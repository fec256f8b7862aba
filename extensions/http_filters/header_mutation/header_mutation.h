#pragma once

#include <memory>
#include <utility>

#include "source/http/filter.h"
#include "source/http/header_rules.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::header_mutation {

// What is done to fields; null: nothing. Immutable.
struct Mutations final : http::RouteFilterConfig {
  std::shared_ptr<const http::HeaderRules> request;
  std::shared_ptr<const http::HeaderRules> response;
  std::shared_ptr<const http::HeaderRules> request_trailers;
  std::shared_ptr<const http::HeaderRules> response_trailers;
  bool replace = false;  // of a route: the filter's own do not count
  bool clear_route_cache = false;
};

// What the filter counts. Value.
struct HeaderMutationStats {
  stats::CounterId requests;
  stats::CounterId responses;
};

// Immutable.
class HeaderMutationFactory final : public http::HttpFilterFactory {
 public:
  HeaderMutationFactory(std::shared_ptr<const Mutations> mutations,
                        const HeaderMutationStats& stats)
      : mutations_(std::move(mutations)), stats_(stats) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const Mutations> mutations_;
  const HeaderMutationStats stats_;
};

}  // namespace weir::extensions::http_filters::header_mutation
