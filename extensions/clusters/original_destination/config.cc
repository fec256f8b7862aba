#include "extensions/clusters/original_destination/config.h"

#include <utility>

#include "api/weir/extensions/clusters/original_destination/v1/original_destination.pb.h"
#include "extensions/clusters/original_destination/original_destination.h"
#include "source/config/fields.h"

namespace weir::extensions::clusters::original_destination {
namespace {

constexpr uint64_t kMostEndpoints = 100'000;

}  // namespace

upstream::Discovery OriginalDestinationExtension::compile(const google::protobuf::Message& config,
                                                          const config::Cursor& at,
                                                          config::CompileContext&) const {
  const auto& from = static_cast<const v1::OriginalDestination&>(config);
  OriginalDestinationConfig made;
  for (int i = 0; i < from.allowed_prefixes_size(); ++i) {
    const auto prefix = network::Prefix::parse(from.allowed_prefixes(i));
    if (prefix.ok()) {
      made.allowed.push_back(*prefix);
    } else {
      config::report(prefix.status(), at.at("allowed_prefixes", i));
    }
  }
  made.port = static_cast<uint16_t>(config::readNumber(from.port(), {0, 65535}, at.field("port")));
  made.use_http_header = from.use_http_header();
  if (made.use_http_header && from.allowed_prefixes_size() == 0) {
    at.field("allowed_prefixes")
        .error("requests name the address themselves, so that this would be a proxy to everywhere",
               "list the prefixes that may be reached; \"0.0.0.0/0\" and \"::/0\" are all");
  }
  made.max_endpoints = static_cast<uint32_t>(config::readNumberOr(
      from.max_endpoints(), made.max_endpoints, {1, kMostEndpoints}, at.field("max_endpoints")));
  return {.endpoint_source = std::make_shared<OriginalDestination>(std::move(made))};
}

}  // namespace weir::extensions::clusters::original_destination
