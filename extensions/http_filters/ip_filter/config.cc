#include "extensions/http_filters/ip_filter/config.h"

#include <utility>

#include "api/weir/extensions/http_filters/ip_filter/v1/ip_filter.pb.h"
#include "extensions/http_filters/common/access/fields.h"
#include "extensions/http_filters/ip_filter/ip_filter.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::ip_filter {
namespace {

constexpr size_t kMaxBodyBytes = 4096;

PrefixSource readSource(const google::protobuf::RepeatedPtrField<std::string>& prefixes,
                        const google::protobuf::RepeatedPtrField<std::string>& files,
                        const config::Cursor& at, const std::string& name) {
  PrefixSource to;
  to.prefixes = readPrefixes(prefixes, at, name);
  for (int i = 0; i < files.size(); ++i) {
    const config::Cursor file = at.at(name + "_files", i);
    if (!config::require(files.Get(i), file, "name a file of prefixes")) continue;
    to.files.push_back(file.resolvePath(files.Get(i)));
  }
  return to;
}

std::shared_ptr<const IpRules> compileRules(const v1::IpFilter& from, const std::string& label,
                                            const config::Cursor& at,
                                            config::CompileContext& context) {
  const size_t problems = at.diagnostics().list().size();
  PrefixSource allow = readSource(from.allow(), from.allow_files(), at, "allow");
  PrefixSource deny = readSource(from.deny(), from.deny_files(), at, "deny");
  auto to = std::make_shared<IpRules>();
  const bool allows_some = from.allow_size() + from.allow_files_size() > 0;
  const bool denies_some = from.deny_size() + from.deny_files_size() > 0;
  if (!allows_some && !denies_some && from.default_action() != v1::ACTION_DENY) {
    at.error("has nothing to deny", "give it `allow` or `deny`, or remove the filter");
  }
  to->allow_by_default = from.default_action() == v1::ACTION_UNSPECIFIED
                             ? !allows_some
                             : from.default_action() == v1::ACTION_ALLOW;
  to->direct_peer = from.address() == v1::ADDRESS_DIRECT_PEER;
  to->shadow = from.shadow();
  to->status = readErrorStatus(from.status(), to->status, at.field("status"));
  to->body = from.body();
  if (to->body.size() > kMaxBodyBytes) at.field("body").error("is too long", "at most 4096 bytes");
  if (at.diagnostics().list().size() > problems) return nullptr;

  std::vector<std::string> files = allow.files;
  files.insert(files.end(), deny.files.begin(), deny.files.end());
  const auto load = [slot = std::weak_ptr<IpRules>(to), allow = std::move(allow),
                     deny = std::move(deny)]() -> absl::Status {
    const auto rules = slot.lock();
    if (rules == nullptr) return {};
    auto lists = loadPrefixLists(allow, deny);
    if (!lists.ok()) return lists.status();
    rules->lists.set(*std::move(lists));
    return {};
  };
  const bool loaded = loadFiles(
      {.area = "ip_filter", .filter = label, .files = std::move(files), .load = load}, at, context);
  return loaded ? to : nullptr;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> IpFilterExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::IpFilter&>(config);
  const std::string label = filterLabel(from.stat_prefix(), context);
  auto rules = compileRules(from, label, at, context);
  if (rules == nullptr) return nullptr;
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", label}});
  };
  const IpFilterStats stats{
      .allowed = counter("ip_filter_allowed_total", "Requests that the address lists let pass."),
      .denied = counter("ip_filter_denied_total", "Requests refused for their address."),
      .shadow_denied = counter("ip_filter_shadow_denied_total",
                               "Requests that passed, but would be refused without `shadow`."),
  };
  return std::make_shared<IpFilterFactory>(std::move(rules), stats, label);
}

std::shared_ptr<const http::RouteFilterConfig> IpFilterExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const config::Cursor& at, config::CompileContext& context) const {
  const auto& from = static_cast<const v1::IpFilter&>(config);
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  auto rules = compileRules(from, static_cast<const IpFilterFactory&>(filter).label(), at, context);
  return rules == nullptr ? nullptr : std::make_shared<IpFilterRoute>(std::move(rules));
}

}  // namespace weir::extensions::http_filters::ip_filter
