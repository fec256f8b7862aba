#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "extensions/http_filters/common/codecs/codec.h"
#include "extensions/http_filters/common/codecs/media_types.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::compressor {

// When what the encoder holds goes out before the end.
enum class Flush : uint8_t { kAuto, kEachPiece, kAtEnd };

// Why a response is left as it is. kCount: it is not.
enum class Skipped : uint8_t {
  kNotAccepted,  // by the client
  kType,         // of its content
  kTooSmall,
  kAlreadyEncoded,
  kNoTransform,  // Cache-Control says so
  kStatus,       // 1xx, 204, 205, 206, 304, a tunnel: nothing to compress
  kBusy,         // too many encoders are at work
  kCount,
};
inline constexpr size_t kSkipped = static_cast<size_t>(Skipped::kCount);
std::string_view skippedName(Skipped reason);

// What the filter counts. Immutable.
struct CompressorStats {
  struct OfCoding {
    stats::CounterId responses;
    stats::CounterId bytes_in;
    stats::CounterId bytes_out;
  };
  std::array<OfCoding, common::codecs::kCodings> coding;  // of those that are offered
  std::array<stats::CounterId, kSkipped> skipped;
};

// What may differ by route. Immutable.
struct CompressorPolicy final : http::RouteFilterConfig {
  uint32_t min_bytes = 256;
  common::codecs::MediaTypes types{common::codecs::compressibleTypes()};
  Flush flush = Flush::kAuto;
  std::chrono::milliseconds flush_delay{50};
  bool remove_accept_encoding = false;
};

// The filter as configured. Immutable.
struct CompressorConfig {
  CompressorPolicy policy;
  std::vector<common::codecs::EncoderSettings> encoders;  // in order of preference
  size_t max_encoders = 1024;                             // of each coding, per worker
  CompressorStats stats;
};

// Compresses responses. Immutable.
class CompressorFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit CompressorFilterFactory(CompressorConfig config) : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const CompressorConfig& config() const { return config_; }

 private:
  const CompressorConfig config_;
};

}  // namespace weir::extensions::http_filters::compressor
