#include "extensions/http_filters/jwt_auth/jwt_auth.h"

#include <algorithm>

#include "extensions/http_filters/jwt_auth/key_fetcher.h"
#include "extensions/http_filters/jwt_auth/token_cache.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const JwtAuthConfig> c, base::ServiceMap& services)
      : config(std::move(c)), cache(config->cache_tokens) {
    auto& block = services.get<stats::Block>();
    allowed = &block.counter(config->stats.allowed);
    cached = &block.counter(config->stats.cached);
    verified = &block.counter(config->stats.verified);
    for (size_t i = 0; i < denied.size(); ++i) denied[i] = &block.counter(config->stats.denied[i]);
    for (size_t i = 0; i < config->providers.size(); ++i) {
      const Provider& provider = config->providers[i];
      fetchers.push_back(nullptr);
      if (!provider.keys->remote()) continue;
      const auto& [good, bad] = config->stats.fetches[i];
      fetchers.back() = std::make_unique<KeyFetcher>(
          *provider.keys, provider.name, services.get<router::HttpCalls>(),
          services.get<event::Dispatcher>(),
          FetchCells{.good = &block.counter(good), .bad = &block.counter(bad)});
    }
  }

  const std::shared_ptr<const JwtAuthConfig> config;
  TokenCache cache;
  SlotReader<Jwks> keys;
  std::vector<std::unique_ptr<KeyFetcher>> fetchers;  // null: the provider's keys are not fetched
  std::string scratch;
  stats::Cell* allowed = nullptr;
  stats::Cell* cached = nullptr;
  stats::Cell* verified = nullptr;
  std::array<stats::Cell*, static_cast<size_t>(Outcome::kCount)> denied{};
};

// Worker-confined.
class JwtAuthFilter final : public http::HttpFilter {
 public:
  JwtAuthFilter(Shared& shared, base::Arena& arena) : shared_(shared), arena_(arena) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    removeOwnFields(head);
    const auto* const route = static_cast<const JwtAuthRoute*>(handle().routeConfig());
    rule_ = route != nullptr ? &route->rule : &shared_.config->rule;
    for (const uint32_t provider : rule_->providers) {
      looks_ = arena_.create<Look>(*this, provider, looks_);
    }
    return decide() ? http::Verdict::kContinue : http::Verdict::kPause;
  }
  void onStreamEnd() override { waitNoMore(); }
  ~JwtAuthFilter() override {
    while (looks_ != nullptr) {
      Look* const look = looks_;
      looks_ = look->next;
      look->~Look();
    }
  }

 private:
  // What is known of one provider's token. Waits for the keys of this one, as others do for theirs.
  struct Look final : KeyWaiter {
    Look(JwtAuthFilter& f, uint32_t p, Look* n) : filter(f), provider(p), next(n) {}
    void onKeysCame() override { filter.onKeysCame(); }

    JwtAuthFilter& filter;
    const uint32_t provider;
    Look* const next;
    bool done = false;
    bool waited = false;
    Outcome outcome = Outcome::kMissing;
    std::shared_ptr<const Token> token = {};
    const TokenPlace* place = nullptr;
  };

  // Clients cannot say what only a token may.
  void removeOwnFields(http::RequestHead& head) {
    const auto& own = shared_.config->own_fields;
    if (own.empty()) return;
    head.headers.removeIf([&own](const http::HeaderMap::Field& field) {
      return std::any_of(own.begin(), own.end(), [&field](const std::string& name) {
        return base::equalsIgnoreCase(field.name, name);
      });
    });
  }

  // True: the request goes on. Else it was refused or waits.
  bool decide() {
    const TokenState state = rule_->requirement.evaluate(
        [this](uint32_t provider) { return lookAt(provider); }, rule_->providers);
    if (state.waiting) return false;
    waitNoMore();
    if (state.outcome != Outcome::kGood) {
      refuse(state.outcome);
      return false;
    }
    for (Look* look = looks_; look != nullptr; look = look->next) {
      if (look->token != nullptr) apply(*look);
    }
    shared_.allowed->add();
    return true;
  }
  // Of one provider; others may still be waited for.
  void onKeysCame() {
    if (decide()) handle().resumeRequest();
  }
  void waitNoMore() {
    for (Look* look = looks_; look != nullptr; look = look->next) look->unlink();
  }

  TokenState lookAt(uint32_t provider) {
    Look* look = looks_;
    while (look->provider != provider) look = look->next;
    if (!look->done && !look->linked()) check(*look);
    return {.outcome = look->outcome, .waiting = !look->done};
  }

  void check(Look& look) {
    const Provider& provider = shared_.config->providers[look.provider];
    const http::RequestHead& head = handle().requestHead();
    look.done = true;
    look.place = provider.placeWithToken(head);
    if (look.place == nullptr) {
      look.outcome = Outcome::kMissing;
      return;
    }
    const std::string_view text = *look.place->find(head);
    const uint64_t version = provider.keys->keys().version();
    look.token = shared_.cache.find(look.provider, version, text);
    const bool cached = look.token != nullptr;
    if (!cached) look.token = Token::parse(text);
    look.outcome = outcomeOf(look, provider, cached);
    if (look.outcome == Outcome::kGood) {
      (cached ? shared_.cached : shared_.verified)->add();
      if (!cached) shared_.cache.insert(look.provider, version, text, look.token);
    } else {
      look.token = nullptr;
    }
  }

  // May find that the keys have to be waited for: the look is not done then.
  Outcome outcomeOf(Look& look, const Provider& provider, bool signature_is_good) {
    if (look.token == nullptr) return Outcome::kMalformed;
    const Outcome claims =
        provider.rules.check(look.token->claims(), handle().dispatcher().systemNow());
    // Nothing is to be fetched for tokens of others.
    if (claims == Outcome::kWrongIssuer || claims == Outcome::kWrongAudience) return claims;
    if (signature_is_good) return claims;
    const Outcome signature = signatureOf(look, provider);
    return signature == Outcome::kGood ? claims : signature;
  }

  Outcome signatureOf(Look& look, const Provider& provider) {
    KeyFetcher* const fetcher = shared_.fetchers[look.provider].get();
    const Jwks* const keys = shared_.keys.read(provider.keys->keys());
    const Outcome outcome = keys == nullptr
                                ? Outcome::kKeysUnavailable
                                : checkSignature(*look.token, *keys, provider.algorithms);
    if (fetcher == nullptr || look.waited) return outcome;
    if (outcome == Outcome::kKeysUnavailable) {
      look.done = !fetcher->awaitFirst(look);
    } else if (outcome == Outcome::kUnknownKey && !look.token->keyId().empty()) {
      look.done = !fetcher->awaitOther(look);
    }
    look.waited = true;
    return outcome;
  }

  void apply(Look& look) {
    const Provider& provider = shared_.config->providers[look.provider];
    http::RequestHead& head = handle().requestHead();
    std::string& text = shared_.scratch;
    for (const ClaimHeader& each : provider.claim_headers) {
      if (claimText(look.token->claims(), each.path, text)) head.headers.set(each.header, text);
    }
    if (!provider.payload_header.empty()) {
      head.headers.set(provider.payload_header, look.token->payload());
    }
    if (!provider.metadata_key.empty()) {
      handle().dynamicMetadata().set("jwt_auth", provider.metadata_key, &look.token->claims());
    }
    if (!provider.forward) look.place->strip(head);
  }

  // RFC 6750 3.
  void refuse(Outcome outcome) {
    shared_.denied[static_cast<size_t>(outcome)]->add();
    const bool unavailable = outcome == Outcome::kKeysUnavailable;
    const bool missing = outcome == Outcome::kMissing;
    std::string& challenge = shared_.scratch;
    challenge.assign("Bearer realm=\"").append(shared_.config->realm).append("\"");
    if (!missing) {
      challenge.append(", error=\"invalid_token\", error_description=\"");
      challenge.append(explanationOf(outcome)).append("\"");
    }
    const http::ReplyField field{.name = "www-authenticate", .value = challenge};
    handle().localReply({.status = static_cast<uint16_t>(unavailable ? 503 : 401),
                         .body = explanationOf(outcome),
                         .flag = http::ResponseFlag::kUnauthorized,
                         .detail = detailOf(outcome),
                         .fields = {&field, unavailable ? size_t{0} : size_t{1}}});
  }

  Shared& shared_;
  base::Arena& arena_;
  const Rule* rule_ = nullptr;
  Look* looks_ = nullptr;
};

// Worker-confined.
class WorkerJwtAuthFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerJwtAuthFactory(std::shared_ptr<const JwtAuthConfig> config, base::ServiceMap& services)
      : shared_(std::move(config), services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<JwtAuthFilter>(shared_, arena);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> JwtAuthFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerJwtAuthFactory>(config_, services);
}

}  // namespace weir::extensions::http_filters::jwt_auth
