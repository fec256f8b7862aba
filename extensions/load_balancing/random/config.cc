#include "extensions/load_balancing/random/config.h"

#include "api/weir/extensions/load_balancing/random/v1/random.pb.h"
#include "extensions/load_balancing/random/random.h"

namespace weir::extensions::load_balancing::random {

std::shared_ptr<const upstream::LoadBalancerFactory> RandomExtension::compile(
    const google::protobuf::Message& config, const config::Cursor&, config::CompileContext&) const {
  static_cast<void>(static_cast<const v1::Random&>(config));  // has no fields
  return std::make_shared<RandomFactory>();
}

}  // namespace weir::extensions::load_balancing::random
