#include "extensions/http_filters/jwt_auth/config.h"

#include <algorithm>
#include <map>
#include <utility>

#include "api/weir/extensions/http_filters/jwt_auth/v1/jwt_auth.pb.h"
#include "extensions/http_filters/common/access/fields.h"
#include "extensions/http_filters/jwt_auth/jwt_auth.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using config::Cursor;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMaxProviders = 32;
constexpr size_t kMaxDepth = 8;
constexpr size_t kMaxNodes = 64;

template <class Message>
milliseconds durationOr(bool given, const Message& value, milliseconds fallback,
                        config::DurationRange range, const Cursor& at) {
  return config::readDuration(given ? &value : nullptr, fallback, range, at);
}

RemoteKeys readRemote(const v1::RemoteJwks& from, const Cursor& at,
                      config::CompileContext& context) {
  RemoteKeys to;
  to.cluster = from.cluster();
  if (config::require(from.cluster(), at.field("cluster"), "name the cluster of the issuer")) {
    context.compiler.checkCluster(from.cluster(), at.field("cluster"));
  }
  to.authority = from.authority();
  config::require(from.authority(), at.field("authority"),
                  "write a host such as \"login.example\"");
  if (!from.path().empty()) to.path = from.path();
  if (!to.path.starts_with("/")) at.field("path").error("does not begin with \"/\"");
  to.timeout = durationOr(from.has_timeout(), from.timeout(), to.timeout,
                          {milliseconds(10), seconds(60)}, at.field("timeout"));
  to.refresh = durationOr(from.has_refresh(), from.refresh(), to.refresh, {seconds(1), hours(24)},
                          at.field("refresh"));
  to.retry = durationOr(from.has_retry(), from.retry(), to.retry,
                        {milliseconds(100), std::chrono::minutes(10)}, at.field("retry"));
  to.unknown_key_interval = durationOr(from.has_unknown_key_interval(), from.unknown_key_interval(),
                                       to.unknown_key_interval, {milliseconds(100), hours(1)},
                                       at.field("unknown_key_interval"));
  return to;
}

void readInlineKeys(const std::string& text, const Cursor& at, KeySource& to) {
  const auto keys = Jwks::parse(text);
  if (!keys.ok()) return config::report(keys.status(), at);
  if ((*keys)->hasSecrets()) {
    return at.error("has a secret, and configurations are shown to people", "use jwks_file");
  }
  to.set(*keys);
}

void readKeyFile(const std::string& name, const std::string& label, const Cursor& at,
                 const std::shared_ptr<KeySource>& to, config::CompileContext& context) {
  if (!config::require(name, at, "name the file")) return;
  const std::string path = at.resolvePath(name);
  const auto load = [path, to]() -> absl::Status {
    const auto text = readSmallFile(path, Jwks::kMaxBytes);
    if (!text.ok()) return text.status();
    auto keys = Jwks::parse(*text);
    if (!keys.ok()) {
      const std::string message = base::concat(path, ": ", base::view(keys.status().message()));
      return absl::InvalidArgumentError(absl::string_view(message));
    }
    to->set(*std::move(keys));
    return {};
  };
  loadFiles({.area = "jwt_auth", .filter = label, .files = {path}, .load = load}, at, context);
}

std::shared_ptr<KeySource> readKeys(const v1::Provider& from, const std::string& label,
                                    const Cursor& at, config::CompileContext& context) {
  auto to = std::make_shared<KeySource>();
  switch (from.keys_case()) {
    case v1::Provider::kInlineJwks:
      readInlineKeys(from.inline_jwks(), at.field("inline_jwks"), *to);
      return to;
    case v1::Provider::kJwksFile:
      readKeyFile(from.jwks_file(), label, at.field("jwks_file"), to, context);
      return to;
    case v1::Provider::kRemoteJwks:
      return std::make_shared<KeySource>(
          readRemote(from.remote_jwks(), at.field("remote_jwks"), context));
    case v1::Provider::KEYS_NOT_SET:
      break;
  }
  at.error("has no keys", "give it `jwks_file`, `remote_jwks` or `inline_jwks`");
  return to;
}

ClaimHeader readClaimHeader(const v1::ClaimHeader& from, const Cursor& at) {
  ClaimHeader to;
  config::require(from.header(), at.field("header"), "name the field");
  to.header = readFieldName(from.header(), at.field("header"));
  config::require(from.claim(), at.field("claim"), "name the claim, such as \"sub\"");
  std::string_view rest = from.claim();
  while (true) {
    const size_t dot = rest.find('.');
    to.path.emplace_back(rest.substr(0, dot));
    if (dot == rest.npos) return to;
    rest.remove_prefix(dot + 1);
  }
}

void readRules(const v1::Provider& from, const Cursor& at, Provider& to) {
  to.rules.issuer = from.issuer();
  to.rules.audiences.assign(from.audiences().begin(), from.audiences().end());
  to.rules.leeway = std::chrono::duration_cast<seconds>(
      durationOr(from.has_leeway(), from.leeway(), to.rules.leeway, {milliseconds(0), hours(1)},
                 at.field("leeway")));
  to.rules.max_lifetime = std::chrono::duration_cast<seconds>(
      durationOr(from.has_max_lifetime(), from.max_lifetime(), to.rules.max_lifetime,
                 {seconds(1), hours(8760)}, at.field("max_lifetime")));
  to.rules.requires_expiration = !from.allow_no_expiration();
  if (from.algorithms_size() == 0) return;
  to.algorithms = AlgorithmSet();
  for (int i = 0; i < from.algorithms_size(); ++i) {
    if (const auto algorithm = algorithmNamed(from.algorithms(i))) {
      to.algorithms.add(*algorithm);
    } else {
      at.at("algorithms", i)
          .error(base::concat("\"", from.algorithms(i), "\" is no algorithm of signatures"),
                 "use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, "
                 "HS256, HS384 or HS512");
    }
  }
}

Provider readProvider(const v1::Provider& from, const std::string& label, const Cursor& at,
                      config::CompileContext& context) {
  Provider to;
  config::require(from.name(), at.field("name"), "requirements and statistics use it");
  to.name = from.name();
  to.keys = readKeys(from, label, at, context);
  readRules(from, at, to);
  if (from.places_size() > 0) to.places.clear();
  for (int i = 0; i < from.places_size(); ++i) {
    to.places.push_back(readPlace(from.places(i), at.at("places", i)));
  }
  to.forward = from.forward();
  for (int i = 0; i < from.claim_headers_size(); ++i) {
    to.claim_headers.push_back(readClaimHeader(from.claim_headers(i), at.at("claim_headers", i)));
  }
  to.payload_header = readFieldName(from.payload_header(), at.field("payload_header"));
  to.metadata_key = from.metadata_key();
  return to;
}

// Reads requirements, knowing the providers' names.
class RequirementReader {
 public:
  explicit RequirementReader(const std::vector<Provider>& providers) : providers_(providers) {}

  Rule read(const v1::Requirement* from, const Cursor& at) {
    Rule rule;
    if (from != nullptr) {
      rule.requirement = readNode(*from, at, 0);
    } else {
      rule.requirement.kind = Requirement::Kind::kAny;
      for (uint32_t i = 0; i < providers_.size(); ++i)
        rule.requirement.of.push_back({.provider = i});
    }
    rule.requirement.collectProviders(rule.providers);
    if (rule.providers.empty()) {
      for (uint32_t i = 0; i < providers_.size(); ++i) rule.providers.push_back(i);
    }
    return rule;
  }

 private:
  using Kind = Requirement::Kind;
  Requirement readNode(const v1::Requirement& from, const Cursor& at, size_t depth) {
    if (depth == kMaxDepth || ++nodes_ > kMaxNodes) {
      at.error("the tree is too large", "at most 8 levels and 64 requirements");
      return {};
    }
    switch (from.by_case()) {
      case v1::Requirement::kProvider:
        return readName(from.provider(), at.field("provider"));
      case v1::Requirement::kAny:
        return readList(from.any(), Kind::kAny, at.field("any"), depth);
      case v1::Requirement::kAll:
        return readList(from.all(), Kind::kAll, at.field("all"), depth);
      case v1::Requirement::kAllowMissing:
        return readFlag(from.allow_missing(), Kind::kAllowMissing, at.field("allow_missing"));
      case v1::Requirement::kAllowMissingOrFailed:
        return readFlag(from.allow_missing_or_failed(), Kind::kAllowMissingOrFailed,
                        at.field("allow_missing_or_failed"));
      case v1::Requirement::BY_NOT_SET:
        break;
    }
    at.error("requires nothing",
             "give it `provider`, `any`, `all`, `allow_missing` or `allow_missing_or_failed`");
    return {};
  }
  Requirement readName(const std::string& name, const Cursor& at) const {
    for (uint32_t i = 0; i < providers_.size(); ++i) {
      if (providers_[i].name == name) return {.provider = i};
    }
    at.error(base::concat("there is no provider \"", name, "\""), "name one of `providers`");
    return {};
  }
  Requirement readList(const v1::RequirementList& from, Kind kind, const Cursor& at, size_t depth) {
    Requirement to{.kind = kind};
    if (from.of_size() == 0) at.error("has nothing in it", "write `of { … }`");
    for (int i = 0; i < from.of_size(); ++i) {
      to.of.push_back(readNode(from.of(i), at.at("of", i), depth + 1));
    }
    return to;
  }
  static Requirement readFlag(bool value, Kind kind, const Cursor& at) {
    if (!value) at.error("is not true", "write `true`, or remove it");
    return {.kind = kind};
  }

  const std::vector<Provider>& providers_;
  size_t nodes_ = 0;
};

JwtAuthStats countersFor(const JwtAuthConfig& config, stats::Store& store) {
  const auto counter = [&](std::string_view name, std::string_view help,
                           std::pair<std::string, std::string> more = {}) {
    stats::Labels labels{{"filter", config.label}};
    if (!more.first.empty()) labels.push_back(std::move(more));
    return store.counter(name, help, labels);
  };
  JwtAuthStats to{};
  to.allowed = counter("jwt_auth_allowed_total", "Requests that had what was required.");
  for (size_t i = 1; i < to.denied.size(); ++i) {  // 0 is kGood
    std::string reason(detailOf(static_cast<Outcome>(i)).substr(4));
    to.denied[i] =
        counter("jwt_auth_denied_total", "Requests refused, by reason.", {"reason", reason});
  }
  to.denied[0] = to.denied[1];
  to.cached = counter("jwt_auth_tokens_cached_total", "Good tokens that were remembered.");
  to.verified = counter("jwt_auth_tokens_verified_total", "Signatures checked and found good.");
  for (const Provider& provider : config.providers) {
    const auto of = [&](const char* result) {
      return store.counter(
          "jwt_auth_fetches_total", "Keys fetched, by provider and result.",
          {{"filter", config.label}, {"provider", provider.name}, {"result", result}});
    };
    const bool remote = provider.keys->remote().has_value();
    to.fetches.emplace_back(remote ? of("accepted") : stats::CounterId{},
                            remote ? of("refused") : stats::CounterId{});
  }
  return to;
}

std::vector<std::string> ownFields(const std::vector<Provider>& providers) {
  std::vector<std::string> own;
  for (const Provider& provider : providers) {
    for (const ClaimHeader& each : provider.claim_headers) own.push_back(each.header);
    if (!provider.payload_header.empty()) own.push_back(provider.payload_header);
  }
  std::sort(own.begin(), own.end());
  own.erase(std::unique(own.begin(), own.end()), own.end());
  return own;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> JwtAuthExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::JwtAuth&>(config);
  const size_t problems = at.diagnostics().list().size();
  auto to = std::make_shared<JwtAuthConfig>();
  to->label = filterLabel(from.stat_prefix(), context);
  if (from.providers_size() == 0) {
    at.field("providers").error("there is none", "add one");
  } else if (from.providers_size() > kMaxProviders) {
    at.field("providers").error("are too many", "at most 32");
  }
  std::map<std::string, int> names;
  for (int i = 0; i < from.providers_size(); ++i) {
    const Cursor here = at.at("providers", i);
    config::checkUnique(from.providers(i).name(), i, names, "provider", here.field("name"));
    to->providers.push_back(readProvider(from.providers(i), to->label, here, context));
  }
  RequirementReader reader(to->providers);
  to->rule =
      reader.read(from.has_requirement() ? &from.requirement() : nullptr, at.field("requirement"));
  to->realm = readRealm(from.realm(), to->realm, at.field("realm"));
  if (from.has_cache_tokens()) {
    to->cache_tokens =
        config::readNumber(from.cache_tokens(), {0, 100'000}, at.field("cache_tokens"));
  }
  if (at.diagnostics().list().size() > problems) return nullptr;
  to->own_fields = ownFields(to->providers);
  to->stats = countersFor(*to, context.stats);
  return std::make_shared<JwtAuthFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> JwtAuthExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::JwtAuth&>(config);
  const size_t problems = at.diagnostics().list().size();
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  refuseInRoute(from.providers_size() > 0, at.field("providers"));
  refuseInRoute(!from.realm().empty(), at.field("realm"));
  refuseInRoute(from.has_cache_tokens(), at.field("cache_tokens"));
  RequirementReader reader(static_cast<const JwtAuthFactory&>(filter).config().providers);
  Rule rule =
      reader.read(from.has_requirement() ? &from.requirement() : nullptr, at.field("requirement"));
  if (at.diagnostics().list().size() > problems) return nullptr;
  return std::make_shared<JwtAuthRoute>(std::move(rule));
}

}  // namespace weir::extensions::http_filters::jwt_auth
