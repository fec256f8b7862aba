#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::acme_challenge {

// Registers http_filters/acme_challenge. Immutable.
class AcmeChallengeExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "acme_challenge"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.acme_challenge.v1.AcmeChallenge";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::acme_challenge
