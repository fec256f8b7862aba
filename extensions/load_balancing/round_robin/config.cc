#include "extensions/load_balancing/round_robin/config.h"

#include "api/weir/extensions/load_balancing/round_robin/v1/round_robin.pb.h"
#include "extensions/load_balancing/round_robin/round_robin.h"

namespace weir::extensions::load_balancing::round_robin {

std::shared_ptr<const upstream::LoadBalancerFactory> RoundRobinExtension::compile(
    const google::protobuf::Message& config, const config::Cursor&, config::CompileContext&) const {
  static_cast<void>(static_cast<const v1::RoundRobin&>(config));  // has no fields
  return std::make_shared<RoundRobinFactory>();
}

}  // namespace weir::extensions::load_balancing::round_robin
