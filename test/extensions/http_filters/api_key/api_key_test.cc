#include "extensions/http_filters/api_key/api_key.h"

#include <cstdio>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/access_proxy.h"
#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::api_key {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kShop[] = "the key of the shop";
constexpr char kBlog[] = "the key of the blog";

class ApiKeyTest : public ::testing::Test {
 protected:
  ApiKeyTest() { write(std::string("shop ") + kShop + "\nblog " + kBlog + "\n"); }
  void write(const std::string& text) const {
    std::ofstream(path_ + ".new") << text;
    std::rename((path_ + ".new").c_str(), path_.c_str());
  }
  std::string filter(const std::string& more = {}) const {
    return "[http_filters/api_key] { key_files: \"" + path_ + "\" " + more + " }";
  }
  const std::string path_ = ::testing::TempDir() + "/api.keys";
};

TEST_F(ApiKeyTest, KnowsClientsAndTellsTheEndpoint) {
  AccessProxy proxy(filter("client_header: \"x-client\""));
  const auto passed = proxy.ask("/", std::string("X-Client: root\r\nX-Api-Key: ") + kShop + "\r\n");
  EXPECT_EQ(passed.status(), 200);
  EXPECT_THAT(passed.body, HasSubstr("x-client: shop"));
  EXPECT_THAT(passed.body, Not(HasSubstr(kShop)));
  EXPECT_THAT(passed.body, Not(HasSubstr("root")));
  EXPECT_EQ(proxy.status("/"), 401);
  EXPECT_EQ(proxy.status("/", "X-Api-Key: the key of nobody\r\n"), 401);
  EXPECT_EQ(proxy->stat("api_key_denied_total", {{"filter", "edge"}, {"reason", "missing"}}), 1);
  EXPECT_EQ(proxy->stat("api_key_denied_total", {{"filter", "edge"}, {"reason", "unknown"}}), 1);
  EXPECT_EQ(proxy->stat("api_key_allowed_total", {{"filter", "edge"}}), 1);
}

TEST_F(ApiKeyTest, PlacesAndRoutes) {
  write("shop shop-key-0123456789\nblog blog-key-0123456789\n");
  AccessProxy proxy(filter(R"(places { header { name: "Authorization" } } places { query: "key" }
                places { cookie: "key" } forward: true)"),
                    R"(routes { match { prefix: "/blog" } route { cluster: "origin" }
           filters { name: "api_key" config { [http_filters/api_key] {
             allowed_clients: "blog" } } } }
         routes { route { cluster: "origin" } })");
  const std::string key = "shop-key-0123456789";
  EXPECT_EQ(proxy.status("/", "Authorization: bearer " + key + "\r\n"), 200);
  EXPECT_EQ(proxy.status("/?a=1&key=" + key), 200);
  EXPECT_THAT(proxy.ask("/?a=1&key=" + key).body, HasSubstr("key=" + key));
  EXPECT_EQ(proxy.status("/", "Cookie: key=" + key + "\r\n"), 200);
  EXPECT_EQ(proxy.status("/blog?key=" + key), 403);
  EXPECT_EQ(proxy.status("/blog?key=blog-key-0123456789"), 200);
}

TEST_F(ApiKeyTest, FollowsItsFile) {
  AccessProxy proxy(filter());
  const std::string field = std::string("X-Api-Key: ") + kShop + "\r\n";
  EXPECT_EQ(proxy.status("/", field), 200);
  write("shop another key of the shop\n");
  ASSERT_TRUE(
      proxy->waitForStat("api_key_reloads_total", 1, {{"filter", "edge"}, {"result", "accepted"}}));
  EXPECT_EQ(proxy.status("/", field), 401);
}

TEST_F(ApiKeyTest, ConfigurationsSayWhatIsWrong) {
  EXPECT_EQ(findings(filter(), "[http_filters/api_key] { allowed_clients: \"a\" }"), "");
  EXPECT_THAT(findings("[http_filters/api_key] {}"), HasSubstr("has no keys"));
  EXPECT_THAT(findings("[http_filters/api_key] { clients { name: \"a\" sha256: \"12\" } }"),
              HasSubstr("clients[0].sha256[0]: is no SHA-256"));
  EXPECT_THAT(findings("[http_filters/api_key] { key_files: \"absent\" }"),
              HasSubstr("No such file"));
  EXPECT_THAT(findings(filter("places {}")), HasSubstr("is no place"));
  EXPECT_THAT(findings(filter(), "[http_filters/api_key] { forward: true }"),
              HasSubstr("belongs to the filter"));
  write("shop secret");
  const std::string text = findings(filter());
  EXPECT_THAT(text, HasSubstr("the key is too short"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace weir::extensions::http_filters::api_key
