#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <utility>

#include "extensions/http_filters/admission_control/success_window.h"
#include "source/http/filter.h"
#include "source/http/grpc_semantics.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::admission_control {

// What counts as success. Immutable.
struct SuccessCriteria {
  static constexpr size_t kStatuses = 600;
  SuccessCriteria();  // the usual ones
  std::bitset<kStatuses> http;
  std::bitset<http::kGrpcStatuses> grpc;
};

struct AdmissionStats {
  stats::CounterId passed, refused, shadowed, succeeded, failed;
};

// Immutable.
struct AdmissionSettings {
  AdmissionLaw law;  // its rate is that of all workers
  SuccessCriteria success;
  bool shadow = false;
  AdmissionStats stats = {};
};

// Immutable.
class AdmissionControlRoute final : public http::RouteFilterConfig {
 public:
  explicit AdmissionControlRoute(AdmissionSettings settings) : settings(std::move(settings)) {}
  const AdmissionSettings settings;
};

// Immutable.
class AdmissionControlFactory final : public http::HttpFilterFactory {
 public:
  explicit AdmissionControlFactory(AdmissionSettings settings) : settings_(std::move(settings)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const AdmissionSettings settings_;
};

}  // namespace weir::extensions::http_filters::admission_control
