#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "source/grpc/metadata.h"
#include "source/upstream/health_checker.h"

namespace weir::extensions::health_checkers::grpc {

// What is asked, and what counts as healthy. Value.
struct GrpcOptions {
  std::string service = {};    // empty: the server as a whole
  std::string authority = {};  // empty: the endpoint's address
  weir::grpc::Metadata metadata = {};
  bool unimplemented_is_healthy = false;
};

// Asks endpoints by grpc.health.v1. Immutable.
class GrpcCheck final : public upstream::HealthCheckerFactory {
 public:
  explicit GrpcCheck(GrpcOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "grpc"; }
  std::unique_ptr<upstream::HealthChecker> create(
      base::ServiceMap& services, const upstream::ClusterConfig& cluster,
      const upstream::CheckSettings& settings) const override;

 private:
  const GrpcOptions options_;
};

}  // namespace weir::extensions::health_checkers::grpc
