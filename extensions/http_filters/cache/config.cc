#include "extensions/http_filters/cache/config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/cache/v1/cache.pb.h"
#include "extensions/http_filters/cache/cache.h"
#include "extensions/http_filters/cache/cache_admin.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::cache {
namespace {

using config::Cursor;
using std::chrono::hours;
using std::chrono::milliseconds;

constexpr milliseconds kLongest = hours(24 * 365);
constexpr uint64_t kDefaultStoreBytes = uint64_t{64} << 20;
constexpr config::NumberRange kStoreBytes{uint64_t{1} << 20, uint64_t{1} << 40};
constexpr int kMostParameters = 100;
constexpr int kMostFields = 16;
constexpr int kMostTagFields = 8;

using Names = google::protobuf::RepeatedPtrField<std::string>;

// What compiles the rules of a filter or a route. Main-thread only; for one call.
class RulesCompiler {
 public:
  RulesCompiler(const v1::Cache& from, const Cursor& at) : from_(from), at_(at) {}

  // `to` has what holds where nothing is said.
  void compile(uint64_t store_bytes, CacheRules& to) {
    to.disabled |= from_.disabled();
    readFreshness(to.freshness);
    readSizes(store_bytes, to);
    if (from_.set_cookie() != v1::Cache::REFUSE) {
      to.set_cookie =
          from_.set_cookie() == v1::Cache::STRIP ? SetCookie::kStrip : SetCookie::kStore;
    }
    if (from_.has_key()) readKey(to.key);
    readMethods(to);
    if (from_.ignore_request_directives()) to.obeys_requests = false;
    readWaiting(to);
    if (!from_.tag_headers().empty()) {
      to.tag_fields = readFieldNames(from_.tag_headers(), kMostTagFields, "tag_headers", at_);
    }
    readStatusName(to);
  }

 private:
  static std::optional<Seconds> secondsOf(bool has, const google::protobuf::Duration& value,
                                          const Cursor& at) {
    if (!has) return std::nullopt;
    const milliseconds read =
        config::readDuration(&value, milliseconds(0), {milliseconds(0), kLongest}, at);
    return std::chrono::ceil<Seconds>(read);
  }

  void readFreshness(FreshnessRules& to) {
    const auto take = [](Seconds& member, std::optional<Seconds> said) {
      member = said.value_or(member);
    };
    take(to.default_ttl,
         secondsOf(from_.has_default_ttl(), from_.default_ttl(), at_.field("default_ttl")));
    take(to.min_ttl, secondsOf(from_.has_min_ttl(), from_.min_ttl(), at_.field("min_ttl")));
    take(to.max_ttl, secondsOf(from_.has_max_ttl(), from_.max_ttl(), at_.field("max_ttl")));
    take(to.heuristic_most,
         secondsOf(from_.has_heuristic_max(), from_.heuristic_max(), at_.field("heuristic_max")));
    take(to.stale_while_revalidate,
         secondsOf(from_.has_stale_while_revalidate(), from_.stale_while_revalidate(),
                   at_.field("stale_while_revalidate")));
    take(to.stale_if_error, secondsOf(from_.has_stale_if_error(), from_.stale_if_error(),
                                      at_.field("stale_if_error")));
    const auto exact =
        secondsOf(from_.has_override_ttl(), from_.override_ttl(), at_.field("override_ttl"));
    if (exact) to.override_ttl = exact;
    if (from_.has_heuristic_percent()) {
      to.heuristic_percent = static_cast<uint32_t>(
          config::readNumber(from_.heuristic_percent(), {0, 100}, at_.field("heuristic_percent")));
    }
    if (to.min_ttl > to.max_ttl) {
      at_.field("min_ttl").error("is longer than max_ttl", "make it at most that long");
    }
  }

  void readSizes(uint64_t store_bytes, CacheRules& to) {
    to.max_object_bytes = config::readNumberOr(from_.max_object_bytes(), to.max_object_bytes,
                                               {1, store_bytes / 2}, at_.field("max_object_bytes"));
    to.max_variants = config::readNumberOr(from_.max_variants(), to.max_variants, {1, 1000},
                                           at_.field("max_variants"));
  }

  void readWaiting(CacheRules& to) {
    if (from_.has_max_waiting()) {
      to.max_waiting =
          config::readNumber(from_.max_waiting(), {0, 1'000'000}, at_.field("max_waiting"));
    }
    to.max_wait =
        config::readDuration(from_.has_max_wait() ? &from_.max_wait() : nullptr, to.max_wait,
                             {milliseconds(1), std::chrono::minutes(10)}, at_.field("max_wait"));
    if (from_.has_uncacheable_for()) {
      to.uncacheable_for = std::chrono::ceil<Seconds>(
          config::readDuration(&from_.uncacheable_for(), milliseconds(0),
                               {milliseconds(0), hours(1)}, at_.field("uncacheable_for")));
    }
  }

  static bool tooMany(int count, int most, const Cursor& at) {
    if (count > most) at.error("are too many", base::concat("at most ", most));
    return count > most;
  }

  static std::vector<std::string> readFieldNames(const Names& from, int most,
                                                 std::string_view field, const Cursor& at) {
    std::vector<std::string> names;
    if (tooMany(from.size(), most, at.field(field))) return names;
    for (int i = 0; i < from.size(); ++i) {
      if (!http::isToken(from[i])) {
        at.at(field, i).error(base::concat("\"", from[i], "\" is no name of a header field"),
                              "write one such as \"Accept-Language\"");
      }
      names.push_back(base::lowered(from[i]));
    }
    return names;
  }

  static std::vector<std::string> readNames(const Names& from, int most, std::string_view field,
                                            const Cursor& at) {
    std::vector<std::string> names;
    if (tooMany(from.size(), most, at.field(field))) return names;
    for (int i = 0; i < from.size(); ++i) {
      config::require(from[i], at.at(field, i), "give the name that counts");
      names.push_back(from[i]);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void readKey(KeyRules& to) {
    const v1::Cache::Key& from = from_.key();
    const Cursor at = at_.field("key");
    to = {};
    to.ignore_scheme = from.ignore_scheme();
    to.ignore_authority = from.ignore_authority();
    to.ignore_query = from.ignore_query();
    to.sort_parameters = from.sort_parameters();
    to.ignored_parameters =
        readNames(from.ignore_parameters(), kMostParameters, "ignore_parameters", at);
    to.only_parameters = readNames(from.only_parameters(), kMostParameters, "only_parameters", at);
    if (!to.ignored_parameters.empty() && !to.only_parameters.empty()) {
      at.field("only_parameters").error("stands beside ignore_parameters", "leave one of them out");
    }
    const bool any = !to.ignored_parameters.empty() || !to.only_parameters.empty();
    if (to.ignore_query && (any || to.sort_parameters)) {
      at.field("ignore_query").error("leaves no parameters to choose from", "leave one out");
    }
    to.headers = readFieldNames(from.headers(), kMostFields, "headers", at);
    to.cookies = readNames(from.cookies(), kMostFields, "cookies", at);
  }

  void readMethods(CacheRules& to) {
    if (from_.methods().empty()) return;
    to.answers_get = to.answers_head = false;
    for (int i = 0; i < from_.methods_size(); ++i) {
      const std::string& method = from_.methods(i);
      to.answers_get |= method == "GET";
      to.answers_head |= method == "HEAD";
      if (method == "GET" || method == "HEAD") continue;
      at_.at("methods", i)
          .error(base::concat("\"", method, "\" is not cached"), "write \"GET\", \"HEAD\" or both");
    }
  }

  void readStatusName(CacheRules& to) {
    if (!from_.status_name().empty()) {
      to.status_name = from_.status_name();
      if (!http::isToken(to.status_name)) {
        at_.field("status_name").error("is no token", "letters, digits, \"-\", \"_\" and \".\"");
      }
    }
    if (!from_.no_status()) return;
    if (!from_.status_name().empty()) {
      at_.field("status_name").error("stands beside no_status", "leave one of them out");
    }
    to.status_name.clear();
  }

  const v1::Cache& from_;
  const Cursor at_;
};

void refuseInRoute(bool there, const Cursor& at) {
  if (there) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> CacheExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Cache&>(config);
  const uint64_t bytes = config::readNumberOr(from.store_bytes(), kDefaultStoreBytes, kStoreBytes,
                                              at.field("store_bytes"));
  CacheRules rules;
  rules.max_object_bytes = std::min(rules.max_object_bytes, bytes / 8);
  RulesCompiler(from, at).compile(bytes, rules);
  if (!at.diagnostics().ok()) return nullptr;
  const std::string name = from.store().empty() ? "default" : from.store();
  auto store = stores_.get(name, [&] { return std::make_shared<CacheStore>(name, bytes); });
  context.main_parts.push_back(std::make_shared<CacheAdmin>(store, bytes));
  const std::string label =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  return std::make_shared<CacheFilterFactory>(std::move(rules), std::move(store),
                                              CacheStats::create(context.stats, label));
}

std::shared_ptr<const http::RouteFilterConfig> CacheExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::Cache&>(config);
  refuseInRoute(!from.store().empty(), at.field("store"));
  refuseInRoute(from.store_bytes() != 0, at.field("store_bytes"));
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  const auto& factory = static_cast<const CacheFilterFactory&>(filter);
  auto to = std::make_shared<CacheRoute>();
  to->rules = factory.rules();
  RulesCompiler(from, at).compile(factory.store()->account()->limit(), to->rules);
  return to;
}

config::FilterOrder CacheExtension::order(const google::protobuf::Message&) const {
  return {.once = "what one has stored the other would store again",
          .after = {{"compressor",
                     "what is stored is compressed again for each client; in front of "
                     "the cache the compressor serves hits too"}}};
}

}  // namespace weir::extensions::http_filters::cache
