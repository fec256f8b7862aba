#include "source/http/stream_error.h"

#include "gtest/gtest.h"

namespace weir::http {
namespace {

struct Row {
  ErrorOrigin origin;
  ErrorReason reason;
  uint16_t status;
  const char* flag;
};

TEST(StreamErrorTest, StatusAndFlag) {
  constexpr auto kDown = ErrorOrigin::kDownstream;
  constexpr auto kUp = ErrorOrigin::kUpstream;
  constexpr auto kLocal = ErrorOrigin::kLocal;
  const Row rows[] = {
      {kDown, ErrorReason::kProtocol, 400, "DPE"},
      {kUp, ErrorReason::kProtocol, 502, "UPE"},
      {kDown, ErrorReason::kConnectionClosed, 400, "DC"},
      {kUp, ErrorReason::kConnectionClosed, 502, "UC"},
      {kUp, ErrorReason::kConnectionReset, 502, "UC"},
      {kUp, ErrorReason::kConnectFailure, 503, "UF"},
      {kUp, ErrorReason::kConnectTimeout, 504, "UF"},
      {kDown, ErrorReason::kHeaderTimeout, 408, "DT"},
      {kUp, ErrorReason::kRequestTimeout, 504, "UT"},
      {kDown, ErrorReason::kIdleTimeout, 408, "SI"},
      {kUp, ErrorReason::kIdleTimeout, 504, "SI"},
      {kDown, ErrorReason::kBodyTooLarge, 413, "-"},
      {kUp, ErrorReason::kBodyTooLarge, 502, "-"},
      {kLocal, ErrorReason::kBodyTooLarge, 500, "-"},
      {kDown, ErrorReason::kHeadTooLarge, 431, "DPE"},
      {kUp, ErrorReason::kHeadTooLarge, 502, "UPE"},
      {kDown, ErrorReason::kTargetTooLong, 414, "DPE"},
      {kLocal, ErrorReason::kOverflow, 503, "UO"},
      {kLocal, ErrorReason::kNoRoute, 404, "NR"},
      {kLocal, ErrorReason::kNoCluster, 503, "NC"},
      {kLocal, ErrorReason::kNoHealthyEndpoint, 503, "UH"},
      {kLocal, ErrorReason::kFilter, 500, "-"},
      {kUp, ErrorReason::kStreamReset, 502, "UR"},
      {kLocal, ErrorReason::kStreamReset, 400, "LR"},
      {kLocal, ErrorReason::kDrain, 503, "LR"},
  };
  for (const Row& row : rows) {
    const StreamError error{row.origin, row.reason};
    std::string flags;
    appendResponseFlags(static_cast<uint32_t>(flagFor(error)), flags);
    EXPECT_EQ(statusFor(error), row.status) << static_cast<int>(row.reason);
    EXPECT_EQ(flags, row.flag) << static_cast<int>(row.reason);
  }
}

TEST(StreamErrorTest, FlagsAreListedInOrder) {
  std::string text = "[";
  appendResponseFlags(static_cast<uint32_t>(ResponseFlag::kUpstreamRetryLimitExceeded) |
                          static_cast<uint32_t>(ResponseFlag::kUpstreamConnectionFailure),
                      text);
  EXPECT_EQ(text, "[UF,URX");
}

}  // namespace
}  // namespace weir::http
