#include "source/grpc/health_messages.h"

#include "source/base/concat.h"
#include "source/grpc/health.pb.h"
#include "source/grpc/typed.h"

namespace weir::grpc {

namespace wire = ::grpc::health::v1;

std::string healthRequest(std::string_view service) {
  wire::HealthCheckRequest request;
  request.set_service(std::string(service));
  return request.SerializeAsString();
}

HealthResult readHealth(std::string_view bytes) {
  wire::HealthCheckResponse response;
  if (!parseMessage(bytes, response)) return {Health::kFailed, unreadable(response).toString()};
  switch (response.status()) {
    case wire::HealthCheckResponse::SERVING:
      return {Health::kServing};
    case wire::HealthCheckResponse::NOT_SERVING:
      return {Health::kNotServing, "the server says NOT_SERVING"};
    case wire::HealthCheckResponse::UNKNOWN:
      return {Health::kUnknown, "the server says UNKNOWN"};
    case wire::HealthCheckResponse::SERVICE_UNKNOWN:
      return {Health::kServiceUnknown, "the server does not know the service"};
    default:
      return {Health::kUnknown,
              base::concat("the server says ", static_cast<int>(response.status()),
                           ", which is no status of grpc.health.v1")};
  }
}

HealthResult healthOf(const Status& status) {
  if (status.code == Code::kUnimplemented) return {Health::kUnimplemented, status.toString()};
  if (status.code == Code::kNotFound) return {Health::kServiceUnknown, status.toString()};
  return {Health::kFailed, status.toString()};
}

}  // namespace weir::grpc
