#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "extensions/http_filters/common/codecs/codec.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::decompressor {

inline constexpr size_t kMostStacked = 4;
// So much may become of the first bytes whatever the ratio.
inline constexpr uint64_t kRatioFreeBytes = 1024 * 1024;

// What the filter counts in one direction. Immutable.
struct DirectionStats {
  stats::CounterId messages;
  stats::CounterId bytes_in;
  stats::CounterId bytes_out;
  stats::CounterId unsupported;  // codings, or too many of them
  stats::CounterId corrupt;      // or cut off
  stats::CounterId too_large;
  stats::CounterId busy;
};

// What may differ by route. Immutable.
struct DecompressorPolicy final : http::RouteFilterConfig {
  bool requests = false;
  bool responses = false;
  std::array<bool, common::codecs::kCodings> codings = {true, true, true, true};
  uint32_t max_codings = 2;
  uint64_t max_bytes = uint64_t{256} << 20;
  uint32_t max_ratio = 100;
  bool advertise = false;
  std::string offered;  // the field's value, when it advertises
};

// The filter as configured. Immutable.
struct DecompressorConfig {
  DecompressorPolicy policy;
  size_t max_decoders = 1024;  // of each coding, per worker
  DirectionStats requests;
  DirectionStats responses;
};

// Decompresses requests and responses. Immutable.
class DecompressorFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit DecompressorFilterFactory(DecompressorConfig config) : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const DecompressorConfig& config() const { return config_; }

 private:
  const DecompressorConfig config_;
};

}  // namespace weir::extensions::http_filters::decompressor
