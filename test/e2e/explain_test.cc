// `weir explain`, and what admin explains of a proxy that runs, with the real binary.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "source/base/concat.h"
#include "test/support/configs.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using base::concat;
using Json = nlohmann::json;
using ::testing::HasSubstr;

// A listener with a route to `origin`, one to a port where nobody listens, and one that answers.
std::string config(const std::string& address, uint16_t origin) {
  return concat(
      "listeners { name: \"edge\" address: \"", address,
      "\" filter_chains { filters { config { [network_filters/http_connection_manager] {\n"
      "  reason_header: true\n"
      "  virtual_hosts { name: \"shop\" domains: \"shop.example\"\n"
      "    routes { name: \"dead\" match { prefix: \"/dead\" } route { cluster: \"dead\" } "
      "statistics: true }\n"
      "    routes { name: \"own\" match { prefix: \"/own\" } direct_response { status: 200 body: "
      "\"own\" } }\n"
      "    routes { name: \"rest\" match { prefix: \"/app\" } route { cluster: \"origin\" } } }\n"
      "} } } } }\n",
      test::cluster("origin", {concat("127.0.0.1:", origin)}),
      test::cluster("dead", {"127.0.0.1:1"}), test::runtime(2));
}

class ExplainCommand : public ::testing::Test {
 protected:
  test::Finished explain(std::vector<std::string> arguments) {
    std::vector<std::string> all = {"explain", "-c", file_};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return test::weir(all);
  }

  test::TemporaryFolder folder_;
  const std::string file_ = folder_.write("weir.textproto", config("127.0.0.1:8080", 1));
};

TEST_F(ExplainCommand, SaysWhatBecomesOfARequest) {
  const test::Finished said = explain({"GET http://shop.example:8080/app/x"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.err, "");
  EXPECT_THAT(said.out, HasSubstr("listener:       \"edge\" (it listens on 127.0.0.1:8080)\n"));
  EXPECT_THAT(said.out, HasSubstr("outcome:        forwarded to cluster \"origin\"\n"));
  EXPECT_THAT(said.out, HasSubstr("\"dead\", prefix /dead: no: "));
  EXPECT_THAT(said.out, HasSubstr("127.0.0.1:1: healthy, weight 1"));
}

TEST_F(ExplainCommand, WordsMayStandApartAndHostMayBeAHeader) {
  EXPECT_THAT(explain({"POST", "/own", "-H", "Host: shop.example"}).out,
              HasSubstr("outcome:        answered with 200 by the route itself\n"));
}

TEST_F(ExplainCommand, JsonIsForMachines) {
  const test::Finished said = explain({"--json", "http://shop.example:8080/app"});
  EXPECT_EQ(said.code, 0);
  const Json json = Json::parse(said.out, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << said.out;
  EXPECT_EQ(json["outcome"], "forwarded to cluster \"origin\"");
  EXPECT_EQ(json["virtual_host"], "shop");
  EXPECT_EQ(json["routes"].size(), 3u);
  EXPECT_EQ(json["clusters"][0]["endpoints"][0]["id"], "127.0.0.1:1");
}

TEST_F(ExplainCommand, WhatComesToNothingIsToldByTheExitCode) {
  const test::Finished said = explain({"http://shop.example:8080/none"});
  EXPECT_EQ(said.code, 3);
  EXPECT_THAT(said.out, HasSubstr("404: no route of virtual host \"shop\" matches"));
}

TEST_F(ExplainCommand, WrongUse) {
  EXPECT_EQ(explain({}).code, 2);
  EXPECT_EQ(explain({"shop.example"}).code, 2);
  EXPECT_EQ(explain({"http://shop.example:8080/", "-H", "no colon"}).code, 2);
  EXPECT_EQ(explain({"a", "b", "c"}).code, 2);
  EXPECT_EQ(explain({"http://shop.example:8080/", "--client-cert-unverified"}).code, 2);
  const std::string bad = folder_.write("bad.textproto", "listeners { nme: 1 }");
  EXPECT_EQ(test::weir({"explain", "-c", bad, "http://a/"}).code, 1);
}

class ExplainAdmin : public ::testing::Test {
 protected:
  Json post(const std::string& body) {
    const test::Finished answer =
        test::curl({"-d", body, concat("http://127.0.0.1:", weir_.adminPort(), "/explain")});
    return Json::parse(answer.out, nullptr, false);
  }
  Json get(const std::string& path) {
    const test::Finished answer =
        test::curl({concat("http://127.0.0.1:", weir_.adminPort(), path)});
    return Json::parse(answer.out, nullptr, false);
  }
  test::Finished ask(const std::string& path, const std::string& id) {
    return test::curl({"-i", "-H", "Host: shop.example", "-H", concat("X-Request-Id: ", id),
                       weir_.url("edge", path)});
  }
  // The id that Weir has given to the last request for `path`.
  std::string idOf(const std::string& path) {
    const Json all = get("/requests");
    for (const Json& each : all["requests"]) {
      if (each["path"] == path) return each["request_id"];
    }
    return "";
  }

  test::ScriptedOrigin origin_{test::ScriptedOrigin::echoing()};
  test::WeirProcess weir_{config("127.0.0.1:0", origin_.port())};
};

TEST_F(ExplainAdmin, SaysWhatWouldBecomeOfARequest) {
  const Json said = post(R"({"url": "/app", "listener": "edge",
                            "headers": {"host": "shop.example", "x-many": ["a", "b"]}})");
  EXPECT_EQ(said["outcome"], "forwarded to cluster \"origin\"") << said.dump(2);
  const Json& endpoint = said["clusters"][0]["endpoints"][0];
  EXPECT_EQ(endpoint["state"], "enabled");
  EXPECT_EQ(endpoint["ejected"], false);
  EXPECT_EQ(endpoint["in_flight"], 0);
  // Nothing was sent, nothing counted.
  EXPECT_EQ(weir_.stat("cluster_requests_total", "origin"), 0);
}

TEST_F(ExplainAdmin, SaysWhyOneGot503) {
  const test::Finished refused = ask("/dead", "x");
  EXPECT_THAT(refused.out, HasSubstr("503"));
  EXPECT_THAT(refused.out, HasSubstr("x-weir-reason: "));
  const std::string id = idOf("/dead");
  ASSERT_NE(id, "");
  const Json said = post(concat("{\"request_id\": \"", id, "\"}"));
  ASSERT_EQ(said["requests"].size(), 1u) << said.dump(2);
  const Json& request = said["requests"][0];
  EXPECT_EQ(request["status"], 503);
  EXPECT_EQ(request["cluster"], "dead");
  EXPECT_EQ(request["route"], "dead");
  EXPECT_THAT(request["outcome"].get<std::string>(), HasSubstr("Weir answered 503 itself after "));
  bool unreachable = false;
  for (const Json& flag : request["flags"]) unreachable |= flag["flag"] == "UF";
  EXPECT_TRUE(unreachable) << request.dump(2);
  EXPECT_EQ(weir_.stat("http_route_requests_total", "dead"), 1);
}

TEST_F(ExplainAdmin, RecentRequestsAreFoundByStatus) {
  ask("/own", "a");
  ask("/none", "b");
  const Json bad = get("/requests?status=404");
  ASSERT_EQ(bad["requests"].size(), 1u) << bad.dump(2);
  EXPECT_EQ(bad["requests"][0]["path"], "/none");
  EXPECT_EQ(get("/requests?limit=1")["requests"].size(), 1u);
  EXPECT_EQ(get("/requests")["requests"].size(), 2u);
  EXPECT_TRUE(get("/requests?status=x").contains("error"));
}

TEST_F(ExplainAdmin, BadQuestionsGetAnAnswer) {
  EXPECT_THAT(post("nonsense")["error"].get<std::string>(), HasSubstr("is not JSON"));
  EXPECT_THAT(post(R"({"uri": "/"})")["error"].get<std::string>(), HasSubstr("did you mean"));
  EXPECT_THAT(post("{}")["error"].get<std::string>(), HasSubstr("say what is asked about"));
  EXPECT_THAT(post(R"({"url": 7})")["error"].get<std::string>(), HasSubstr("url is a text"));
  EXPECT_THAT(
      post(R"({"url": "http://shop.example/app", "listener": "edge", "worker": 9})")["error"]
          .get<std::string>(),
      HasSubstr("there is no worker 9"));
  EXPECT_THAT(post(R"({"request_id": "nobody"})")["error"].get<std::string>(),
              HasSubstr("is remembered"));
  EXPECT_EQ(test::curl({"-o", "/dev/null", "-w", "%{http_code}", "-d", std::string(70'000, 'x'),
                        concat("http://127.0.0.1:", weir_.adminPort(), "/explain")})
                .out,
            "413");
}

}  // namespace
}  // namespace weir
