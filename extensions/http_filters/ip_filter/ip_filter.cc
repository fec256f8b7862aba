#include "extensions/http_filters/ip_filter/ip_filter.h"

#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::ip_filter {
namespace {

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const IpRules> r, const IpFilterStats& ids, stats::Block& block)
      : rules(std::move(r)),
        allowed(block.counter(ids.allowed)),
        denied(block.counter(ids.denied)),
        shadow_denied(block.counter(ids.shadow_denied)) {}

  const std::shared_ptr<const IpRules> rules;
  SlotReader<network::CidrSet> lists;
  stats::Cell& allowed;
  stats::Cell& denied;
  stats::Cell& shadow_denied;
};

// Worker-confined.
class IpFilter final : public http::HttpFilter {
 public:
  explicit IpFilter(Shared& shared) : shared_(shared) {}

  http::Verdict onRequestHead(http::RequestHead&, bool) override {
    const auto* const route = static_cast<const IpFilterRoute*>(handle().routeConfig());
    const IpRules& rules = route != nullptr ? *route->rules : *shared_.rules;
    if (allows(rules)) {
      shared_.allowed.add();
      return http::Verdict::kContinue;
    }
    if (rules.shadow) {
      shared_.shadow_denied.add();
      handle().dynamicMetadata().set("ip_filter", "shadow_denied", true);
      return http::Verdict::kContinue;
    }
    shared_.denied.add();
    handle().localReply({.status = rules.status,
                         .body = rules.body,
                         .flag = http::ResponseFlag::kUnauthorized,
                         .detail = "ip_denied"});
    return http::Verdict::kPause;
  }

 private:
  bool allows(const IpRules& rules) {
    const http::StreamInfo& info = handle().info();
    const network::Address* const address =
        rules.direct_peer ? info.downstream_direct : info.downstream_remote;
    const network::CidrSet* const lists = shared_.lists.read(rules.lists);
    if (address == nullptr || lists == nullptr) return rules.allow_by_default;
    const uint32_t found = lists->find(*address);
    return found == network::CidrSet::kNone ? rules.allow_by_default : found == kAllowed;
  }

  Shared& shared_;
};

// Worker-confined.
class WorkerIpFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerIpFilterFactory(std::shared_ptr<const IpRules> rules, const IpFilterStats& ids,
                        stats::Block& block)
      : shared_(std::move(rules), ids, block) {}
  http::HttpFilter* create(base::Arena& arena) override { return arena.create<IpFilter>(shared_); }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> IpFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerIpFilterFactory>(rules_, stats_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::ip_filter
