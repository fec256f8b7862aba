#include "extensions/http_filters/rbac/rbac.h"

#include "source/base/log.h"
#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::rbac {
namespace {

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const RbacSettings> s, const std::string& l, base::ServiceMap& services)
      : settings(std::move(s)),
        label(l),
        block(services.get<stats::Block>()),
        dispatcher(services.get<event::Dispatcher>()) {}

  const std::shared_ptr<const RbacSettings> settings;
  const std::string label;
  stats::Block& block;
  event::Dispatcher& dispatcher;
  base::log::LogLimiter log_limit{std::chrono::seconds(10)};
};

// Worker-confined.
class RbacFilter final : public http::HttpFilter {
 public:
  explicit RbacFilter(Shared& shared) : shared_(shared) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const auto* const route = static_cast<const RbacSettings*>(handle().routeConfig());
    const RbacSettings& settings = route != nullptr ? *route : *shared_.settings;
    if (settings.shadow) lookInShadow(*settings.shadow, head);
    const RuleList& list = settings.rules.list;
    const size_t rule = list.decide(head, handle().info());
    shared_.block.counter(settings.rules.decided[rule]).add();
    if (list.allows(rule)) return http::Verdict::kContinue;
    handle().dynamicMetadata().set("rbac", "rule", list.nameOf(rule));
    handle().localReply({.status = settings.status,
                         .body = settings.body,
                         .flag = http::ResponseFlag::kUnauthorized,
                         .detail = "rbac_denied"});
    return http::Verdict::kPause;
  }

 private:
  void lookInShadow(const CountedRules& shadow, const http::RequestHead& head) {
    const RuleList& list = shadow.list;
    const size_t rule = list.decide(head, handle().info());
    shared_.block.counter(shadow.decided[rule]).add();
    if (list.allows(rule)) return;
    handle().dynamicMetadata().set("rbac", "shadow_rule", list.nameOf(rule));
    const auto held_back = shared_.log_limit.admit(shared_.dispatcher.now());
    if (!held_back) return;
    const network::Address* const client = handle().info().downstream_remote;
    base::log::info("rbac", shared_.label, ": shadow rule \"", list.nameOf(rule), "\" would deny ",
                    head.method, " ", head.pathWithoutQuery(), " of ",
                    client == nullptr ? std::string("-") : client->ip(), " (", *held_back,
                    " more of these)");
  }

  Shared& shared_;
};

// Worker-confined.
class WorkerRbacFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerRbacFactory(std::shared_ptr<const RbacSettings> settings, const std::string& label,
                    base::ServiceMap& services)
      : shared_(std::move(settings), label, services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<RbacFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> RbacFactory::bind(base::ServiceMap& services) const {
  return std::make_unique<WorkerRbacFactory>(settings_, label_, services);
}

}  // namespace weir::extensions::http_filters::rbac
