#include "source/config/own_message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace weir::config {

const google::protobuf::Message* prototypeOf(const base::Extension& extension) {
  if (const auto* const own = dynamic_cast<const OwnMessage*>(&extension)) {
    return &own->prototype();
  }
  const auto* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          std::string(extension.configType()));
  if (descriptor == nullptr) return nullptr;
  return google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
}

}  // namespace weir::config
