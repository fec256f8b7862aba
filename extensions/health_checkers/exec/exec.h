#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/upstream/health_checker.h"

namespace weir::extensions::health_checkers::exec {

// What is run, and what its exit codes say. Value.
struct ExecOptions {
  std::string path;                  // of the program's file
  std::vector<std::string> command;  // with its arguments
  // "NAME=value", besides what names the endpoint.
  std::vector<std::string> environment;
  int degraded_exit_code = 0;  // 0: none
};

// The variables that name the endpoint to the program, as "NAME=value".
std::vector<std::string> endpointVariables(std::string_view cluster,
                                           const upstream::ProbeTarget& target);

// Runs a program for each probe. Immutable.
class ExecCheck final : public upstream::HealthCheckerFactory {
 public:
  // `most` programs run at a time, of all such checks.
  ExecCheck(ExecOptions options, uint32_t most) : options_(std::move(options)), most_(most) {}

  std::string_view name() const override { return "exec"; }
  // How a check reaches endpoints is the program's business.
  std::unique_ptr<upstream::HealthChecker> create(
      base::ServiceMap& services, const upstream::ClusterConfig& cluster,
      const upstream::CheckSettings& settings) const override;

 private:
  const ExecOptions options_;
  const uint32_t most_;
};

}  // namespace weir::extensions::health_checkers::exec
