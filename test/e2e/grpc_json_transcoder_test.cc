// curl and a gRPC server of another make (grpcio), with JSON between them.

#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"
#include "test/support/configs.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using extensions::http_filters::grpc_json_transcoder::descriptorSet;
using extensions::http_filters::grpc_json_transcoder::shelvesProto;
using test::Command;
using ::testing::HasSubstr;

class GrpcJsonTranscoderTest : public ::testing::Test {
 protected:
  GrpcJsonTranscoderTest()
      : set_(folder_.write("shelves.pb", descriptorSet(shelvesProto()))),
        server_({"python3", test::dataFile("test/e2e/grpc_shelves_server.py"), set_}) {}

  std::string config(const std::string& routes) {
    EXPECT_TRUE(server_.waitForOutput("\n")) << server_.err();
    const std::string line = server_.out();
    const std::string port = std::to_string(std::atoi(line.c_str() + line.find(' ') + 1));
    return test::edgeListener(
               "http_filters { config { [http_filters/grpc_json_transcoder] { "
               "services: \"shop.Shelves\" convert_grpc_status: true "
               "descriptor_set: \"" +
                   set_ + "\" } } }",
               routes) +
           test::cluster("origin", {"127.0.0.1:" + port}, "http_protocol: HTTP_PROTOCOL_HTTP2") +
           test::runtime();
  }
  // What curl prints: the body, then "\n" and the status and content type.
  std::string ask(test::WeirProcess& weir, const std::string& path, const Command& more = {}) {
    Command all = {"-w", "\n%{http_code} %{content_type}", weir.url("edge", path)};
    all.insert(all.end(), more.begin(), more.end());
    const test::Finished curl = test::curl(all);
    EXPECT_EQ(curl.code, 0) << curl.err;
    return curl.out;
  }

  const test::TemporaryFolder folder_;
  const std::string set_;
  test::ChildProcess server_;
};

TEST_F(GrpcJsonTranscoderTest, CurlCallsMethods) {
  test::WeirProcess weir(config("routes { route { cluster: \"origin\" } }"));
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    SCOPED_TRACE(version);
    EXPECT_EQ(ask(weir, "/v1/books/a%20b", {version}), R"({"name":"a b","title":"/v1/books/a%20b"})"
                                                       "\n200 application/json");
    EXPECT_EQ(ask(weir, "/v1/shelves/1/books?part=3", {version, "-d", R"({"title":"T"})"}),
              R"({"title":"T","shelf":"shelves/1"})"
              "\n200 application/json");
    EXPECT_EQ(ask(weir, "/v1/shelves/1/books?part=2", {version}),
              R"({"name":"shelves/1","pages":1})"
              "\n"
              R"({"name":"shelves/1","pages":2})"
              "\n\n200 application/x-ndjson");
    EXPECT_EQ(ask(weir, "/v1/books:add", {version, "-d", R"([{"pages":3},{"pages":4}])"}),
              "{\"count\":7}\n200 application/json");
    EXPECT_EQ(ask(weir, "/v1/chat", {version, "-d", R"({"title":"a"} {"title":"b"})"}),
              "{\"title\":\"a\"}\n{\"title\":\"b\"}\n\n200 application/x-ndjson");
    EXPECT_EQ(ask(weir, "/v1/books/missing", {version}),
              R"({"code":5,"message":"no \"book\" at all","details":[)"
              R"({"@type":"type.googleapis.com/shop.Count","count":7}]})"
              "\n404 application/json");
    EXPECT_EQ(ask(weir, "/v1/files/missing", {version, "-X", "PUT", "-d", "x"}),
              R"({"code":12,"message":"Method not found!","details":[]})"
              "\n501 application/json");
    EXPECT_THAT(ask(weir, "/v1/shelves/1/books?part=1&full=true", {version}),
                HasSubstr(R"({"error":{"code":13,"message":"lost the rest","details":[]}})"));
    EXPECT_EQ(ask(weir, "/v1/books/a?x=1", {version}),
              R"({"code":3,"message":"query: parameter \"x\": message shop.BookRequest has no )"
              R"(field \"x\"; name one of its fields","details":[]})"
              "\n400 application/json");
    const std::string image = ask(weir, "/v1/files/a", {version});
    EXPECT_EQ(image.size(), 4u * 50000 + std::string("\n200 image/png").size());
    EXPECT_TRUE(image.ends_with("\n200 image/png"));
    EXPECT_THAT(ask(weir, "/v1/books/a", {version, "-I"}),
                HasSubstr(version[6] == '1' ? "HTTP/1.1 " : "HTTP/2 "));
  }
}

// The route is that of the call, or that of the request.
TEST_F(GrpcJsonTranscoderTest, Routes) {
  const std::string routes =
      "routes { match { prefix: \"/shop.Shelves/\" } route { cluster: \"origin\" } }\n"
      "routes { match { prefix: \"/v1/\" } direct_response { status: 299 body: \"not me\" } }";
  test::WeirProcess by_call(config(routes));
  EXPECT_THAT(ask(by_call, "/v1/books/a"), HasSubstr("\n200 application/json"));
  EXPECT_THAT(ask(by_call, "/v1/other"), HasSubstr("not me\n299 "));
  const std::string incoming =
      "routes { match { prefix: \"/v1/\" } route { cluster: \"origin\" } }\n"
      "routes { match { prefix: \"/\" } direct_response { status: 299 body: \"not me\" } }";
  std::string text = config(incoming);
  text.insert(text.find("services:"), "match_incoming_request_route: true ");
  test::WeirProcess by_request(text);
  EXPECT_THAT(ask(by_request, "/v1/books/a"), HasSubstr("\n200 application/json"));
}

// Nobody serves: what Weir says of it is JSON, too.
TEST_F(GrpcJsonTranscoderTest, WithoutAServer) {
  std::string text = config("routes { route { cluster: \"origin\" } }");
  server_.signal(9);
  server_.wait();
  test::WeirProcess weir(text);
  const std::string answer = ask(weir, "/v1/books/a");
  EXPECT_THAT(answer, HasSubstr("{\"code\":14,\"message\":"));
  EXPECT_THAT(answer, HasSubstr("\n503 application/json"));
}

}  // namespace
}  // namespace weir
