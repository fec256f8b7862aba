#include "source/grpc/status.h"

namespace weir::grpc {

std::string Status::toString() const {
  std::string text(http::grpcStatusName(code));
  if (!message.empty()) text.append(": ").append(message);
  return text;
}

}  // namespace weir::grpc
