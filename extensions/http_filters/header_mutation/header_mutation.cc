#include "extensions/http_filters/header_mutation/header_mutation.h"

namespace weir::extensions::http_filters::header_mutation {
namespace {

using Rules = std::shared_ptr<const http::HeaderRules> Mutations::*;

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const Mutations> m, const HeaderMutationStats& ids, stats::Block& block)
      : own(std::move(m)),
        requests(block.counter(ids.requests)),
        responses(block.counter(ids.responses)) {}

  const std::shared_ptr<const Mutations> own;
  base::Arena arena{64};
  const http::HeaderMap no_trailers{arena};
  stats::Cell& requests;
  stats::Cell& responses;
};

// Worker-confined.
class HeaderMutationFilter final : public http::HttpFilter {
 public:
  explicit HeaderMutationFilter(Shared& shared) : shared_(shared) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    route_ = static_cast<const Mutations*>(handle().routeConfig());
    if (!apply(&Mutations::request, head.headers)) return http::Verdict::kContinue;
    shared_.requests.add();
    if (shared_.own->clear_route_cache) handle().clearRouteCache();
    return http::Verdict::kContinue;
  }
  http::Verdict onRequestTrailers(http::HeaderMap& trailers) override {
    apply(&Mutations::request_trailers, trailers);
    return http::Verdict::kContinue;
  }
  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    if (apply(&Mutations::response, head.headers)) shared_.responses.add();
    return http::Verdict::kContinue;
  }
  http::Verdict onResponseTrailers(http::HeaderMap& trailers) override {
    apply(&Mutations::response_trailers, trailers);
    return http::Verdict::kContinue;
  }

 private:
  // False: there is nothing to do.
  bool apply(Rules rules, http::HeaderMap& fields) {
    const bool own_counts = route_ == nullptr || !route_->replace;
    const http::HeaderRules* const own = own_counts ? ((*shared_.own).*rules).get() : nullptr;
    const http::HeaderRules* const more = route_ != nullptr ? (route_->*rules).get() : nullptr;
    if (own == nullptr && more == nullptr) return false;
    const http::HeaderMap* const trailers = handle().responseTrailers();
    const http::LogEntry entry{handle().requestHead(), handle().responseHead(),
                               trailers != nullptr ? *trailers : shared_.no_trailers,
                               handle().info()};
    if (own != nullptr) own->apply(entry, fields);
    if (more != nullptr) more->apply(entry, fields);
    return true;
  }

  Shared& shared_;
  const Mutations* route_ = nullptr;  // as it was when the request came
};

// Worker-confined.
class WorkerHeaderMutationFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerHeaderMutationFactory(std::shared_ptr<const Mutations> mutations,
                              const HeaderMutationStats& ids, stats::Block& block)
      : shared_(std::move(mutations), ids, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<HeaderMutationFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> HeaderMutationFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerHeaderMutationFactory>(mutations_, stats_,
                                                       services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::header_mutation
