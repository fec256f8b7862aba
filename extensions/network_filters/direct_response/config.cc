#include "extensions/network_filters/direct_response/config.h"

#include <string>

#include "api/weir/extensions/network_filters/direct_response/v1/direct_response.pb.h"
#include "extensions/network_filters/direct_response/direct_response.h"
#include "source/config/fields.h"

namespace weir::extensions::network_filters::direct_response {
namespace {

constexpr size_t kMaxBytes = 64 * 1024;

}  // namespace

std::shared_ptr<const network::NetworkFilterFactory> DirectResponseExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& message = static_cast<const v1::DirectResponse&>(config);
  const size_t problems = at.diagnostics().list().size();
  const config::Cursor source = at.field(message.has_file() ? "file" : "text");
  std::string text =
      message.has_file() ? config::readFile(message.file(), kMaxBytes, source) : message.text();
  if (text.size() > kMaxBytes) {
    source.error("is larger than 64 KiB", "serve large answers from an origin");
  }
  if (at.diagnostics().list().size() > problems) return nullptr;
  return std::make_shared<DirectResponseFilterFactory>(std::move(text));
}

}  // namespace weir::extensions::network_filters::direct_response
