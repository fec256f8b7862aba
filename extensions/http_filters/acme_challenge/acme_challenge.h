#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "source/http/filter.h"

namespace weir::extensions::http_filters::acme_challenge {

// Where challenges are asked for (RFC 8555 8.3).
inline constexpr std::string_view kChallengePath = "/.well-known/acme-challenge/";

// The token that `path` asks for; nullopt when it is no challenge's path. Empty when it is one but
// with something that no ACME server sends: tokens are base64url without padding.
std::optional<std::string_view> challengeToken(std::string_view path);

// The answer that the ACME client left in `webroot` for `token`; nullopt when there is none (or
// no regular file of at most kMaxAnswerBytes). Blocks.
inline constexpr size_t kMaxAnswerBytes = 4096;
std::optional<std::string> readAnswer(const std::string& webroot, std::string_view token);

// Binds the webroot to a worker. Files are read by the services' base::TaskPool. Immutable.
class AcmeChallengeFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit AcmeChallengeFilterFactory(std::string webroot) : webroot_(std::move(webroot)) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::string webroot_;
};

}  // namespace weir::extensions::http_filters::acme_challenge
