#include "extensions/http_filters/acme_challenge/config.h"

#include <filesystem>
#include <system_error>

#include "api/weir/extensions/http_filters/acme_challenge/v1/acme_challenge.pb.h"
#include "extensions/http_filters/acme_challenge/acme_challenge.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::acme_challenge {

std::shared_ptr<const http::HttpFilterFactory> AcmeChallengeExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& message = static_cast<const v1::AcmeChallenge&>(config);
  const config::Cursor here = at.field("webroot");
  if (!config::require(message.webroot(), here, "name the webroot of your ACME client")) {
    return nullptr;
  }
  std::string webroot = here.resolvePath(message.webroot());
  std::error_code error;
  if (!std::filesystem::is_directory(webroot, error)) {
    here.error(base::concat("folder \"", webroot, "\" does not exist"), "make it, or name another");
    return nullptr;
  }
  return std::make_shared<AcmeChallengeFilterFactory>(std::move(webroot));
}

}  // namespace weir::extensions::http_filters::acme_challenge
