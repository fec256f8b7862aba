#include "extensions/health_checkers/http/config.h"

#include "gmock/gmock.h"

#include "test/extensions/health_checkers/common/check_config.h"

namespace weir::extensions::health_checkers::http {
namespace {

std::string outcome(std::string_view fields) {
  return test::checkOutcome<HttpCheckExtension>("health_checkers/http", fields);
}

std::string times(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(HttpConfig, TakesWhatIsRight) {
  for (const std::string& fields : {
           std::string(),
           std::string("path: \"/status?full=1\" method: \"HEAD\" host: \"shop.example:80\""),
           std::string("path: \"*\" method: \"OPTIONS\""),
           std::string("headers { name: \"Authorization\" value: \"Bearer x\" }"),
           std::string("headers { name: \"x-empty\" }"),
           std::string(
               "expected_statuses { start: 200 } expected_statuses { start: 300 end: 399 }"),
           std::string("degraded_statuses { start: 429 } degraded_header: \"x-envoy-degraded\""),
           std::string("body_text: \"ok\" max_body_bytes: 2"),
           std::string("body_regex: \"up|ok\" max_body_bytes: 1048576"),
           std::string("protocol: PROTOCOL_HTTP2"),
           std::string("protocol: PROTOCOL_HTTP1"),
           std::string("protocol: PROTOCOL_AS_CLUSTER"),
           times(32, "headers { name: \"a\" }"),
       }) {
    EXPECT_EQ(outcome(fields), "http") << fields;
  }
}

TEST(HttpConfig, RefusesWhatIsNot) {
  const auto says = [&](const std::string& fields, const std::string& what) {
    EXPECT_THAT(outcome(fields), ::testing::HasSubstr(base::concat(test::kCheckPath, what)))
        << fields;
  };
  const std::string path =
      "path: is not a path; it must begin with \"/\", without spaces and \"#\", such as "
      "\"/health\"";
  for (const char* text : {"health", "/a b", "/a#b", "/a\\r\\nX: y", "*", "http://x/"}) {
    says(base::concat("path: \"", text, "\""), path);
  }
  says("path: \"/" + std::string(4096, 'x') + "\"", path);
  says("method: \"CONNECT\"", "method: CONNECT asks for a tunnel; use GET, HEAD, OPTIONS or POST");
  for (const char* text : {"get", "GET /", "G\\n", "Get"}) {
    says(base::concat("method: \"", text, "\""),
         "method: is not a method; use one such as GET, HEAD, OPTIONS or POST, in capitals");
  }
  for (const char* text : {"a/b", "a b", "user@host", "a\\nb"}) {
    says(base::concat("host: \"", text, "\""),
         "host: is not a host; write a name or an address, such as \"shop.example\"");
  }
  says("headers { value: \"x\" }", "headers[0].name: ");
  says("headers { name: \"a b\" }",
       "headers[0].name: is not the name of a field; use letters, digits and \"-\"");
  says("headers { name: \":path\" }", "headers[0].name: is not the name of a field");
  for (const char* name : {"Connection", "keep-alive", "TE", "trailer", "transfer-encoding",
                           "upgrade", "proxy-connection"}) {
    says(base::concat("headers { name: \"a\" } headers { name: \"", name, "\" value: \"x\" }"),
         base::concat("headers[1].name: \"", name,
                      "\" cannot be given; leave it out: it belongs to one connection"));
  }
  says("headers { name: \"Host\" value: \"x\" }",
       "headers[0].name: \"Host\" cannot be given; use the field \"host\" of the check");
  says("headers { name: \"content-length\" value: \"1\" }",
       "headers[0].name: \"content-length\" cannot be given; leave it out: the request has no "
       "body");
  says("headers { name: \"a\" value: \"x\\r\\ny: z\" }",
       "headers[0].value: is not the value of a field; it must be one line of at most 4096 bytes");
  says("headers { name: \"a\" value: \"" + std::string(4097, 'x') + "\" }", "headers[0].value: ");
  says(times(33, "headers { name: \"a\" }"), "headers[32]: at most 32 fields can be given");
  says("expected_statuses { start: 100 }",
       "expected_statuses[0].start: 100 is out of range; it must be 200 to 599");
  says("expected_statuses {}", "expected_statuses[0].start: 0 is out of range");
  says("expected_statuses { start: 200 end: 600 }",
       "expected_statuses[0].end: 600 is out of range");
  says("degraded_statuses { start: 300 end: 299 }",
       "degraded_statuses[0].end: is before start; it must be 300 to 599");
  says(times(33, "expected_statuses { start: 200 }"),
       "expected_statuses[32]: at most 32 ranges can be given; join those that meet");
  says("degraded_header: \"a b\"", "degraded_header: is not the name of a field");
  says("body_text: \"a\" body_regex: \"b\"", "body_regex: cannot stand beside \"body_text\"");
  says("body_text: \"\"", "body_text: ");
  says("body_regex: \"\"", "body_regex: ");
  says("body_text: \"abc\" max_body_bytes: 2", "body_text: is too long");
  says("body_text: \"" + std::string(4097, 'x') + "\"",
       "body_text: is too long; it must be of at most 4096 bytes, and not longer than "
       "max_body_bytes");
  says("body_regex: \"(\"", "body_regex: ");
  says("method: \"HEAD\" body_text: \"x\"", "body_text: answers to HEAD have no body; use GET");
  says("method: \"HEAD\" body_regex: \"x\"", "body_regex: answers to HEAD have no body");
  says("max_body_bytes: 1048577", "max_body_bytes: 1048577 is out of range");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::http
