#include "extensions/listener_filters/original_dst/config.h"

#include "api/weir/extensions/listener_filters/original_dst/v1/original_dst.pb.h"
#include "extensions/listener_filters/original_dst/original_dst.h"

namespace weir::extensions::listener_filters::original_dst {

std::shared_ptr<const network::ListenerFilterFactory> OriginalDstExtension::compile(
    const google::protobuf::Message& config, const config::Cursor&,
    config::CompileContext& context) const {
  static_cast<void>(static_cast<const v1::OriginalDst&>(config));  // has no fields
  return std::make_shared<OriginalDstFactory>(std::string(context.listener_name));
}

}  // namespace weir::extensions::listener_filters::original_dst
