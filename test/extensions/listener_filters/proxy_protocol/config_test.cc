#include "extensions/listener_filters/proxy_protocol/config.h"

#include <string>

#include "gtest/gtest.h"

#include "test/extensions/listener_filters/common/findings.h"

namespace weir::extensions::listener_filters::proxy_protocol {
namespace {

std::string outcome(const std::string& fields) {
  return findings("[listener_filters/proxy_protocol] { " + fields + " }");
}

TEST(ProxyProtocolConfig, TakesWhatIsInRange) {
  for (
      const char* fields :
      {"", "version: VERSION_1", "version: VERSION_2 allow_requests_without_proxy_protocol: true",
       R"(trusted_sources: "10.0.0.0/8" trusted_sources: "::1" untrusted_sources: UNTRUSTED_ACTION_PASS)",
       "keep_tlvs: 0 keep_tlvs: 255 max_header_bytes: 232", "max_header_bytes: 65551"}) {
    EXPECT_EQ(outcome(fields), "") << fields;
  }
}

TEST(ProxyProtocolConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome(R"(trusted_sources: "10.0.0.1/8")"),
            "w.textproto:2:54: listeners[0].listener_filters[0].config.trusted_sources[0]: "
            "\"10.0.0.1/8\": has bits behind its length; clear them or give a longer length\n");
  EXPECT_EQ(outcome("keep_tlvs: 256 max_header_bytes: 231"),
            "w.textproto:2:48: listeners[0].listener_filters[0].config.keep_tlvs[0]: 256 is out of "
            "range; it must be 0 to 255\n"
            "w.textproto:2:70: listeners[0].listener_filters[0].config.max_header_bytes: 231 is "
            "out of range; it must be 232 to 65551\n");
  EXPECT_EQ(outcome("untrusted_sources: UNTRUSTED_ACTION_PASS"),
            "w.textproto:2:56: listeners[0].listener_filters[0].config.untrusted_sources: has no "
            "effect while everybody is trusted; list trusted_sources, or remove it\n");
  std::string many;
  for (int i = 0; i < 33; ++i) many += "keep_tlvs: 1 ";
  EXPECT_NE(outcome(many).find("lists more than 32 types"), std::string::npos);
}

}  // namespace
}  // namespace weir::extensions::listener_filters::proxy_protocol
