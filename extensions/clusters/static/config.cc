#include "extensions/clusters/static/config.h"

#include <memory>

// So that the message's type is known to the process.
#include "api/weir/extensions/clusters/static/v1/static.pb.h"

// NOLINTNEXTLINE(readability-identifier-naming): "static" is a keyword
namespace weir::extensions::clusters::static_ {

upstream::Discovery StaticExtension::compile(const google::protobuf::Message&,
                                             const config::Cursor&,
                                             config::CompileContext& context) const {
  upstream::Discovery listed;
  for (const upstream::EndpointEntry& entry : context.endpoints) {
    listed.members.push_back(std::make_shared<const upstream::Endpoint>(entry.endpoint));
  }
  return listed;
}

}  // namespace weir::extensions::clusters::static_
