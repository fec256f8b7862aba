#include "source/explain/asked.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string errorOf(std::string_view json) {
  const auto asked = readAsked(json);
  return asked.ok() ? "" : std::string(asked.status().message());
}

TEST(AskedTest, ARequest) {
  const auto asked = readAsked(R"({
    "method": "POST", "url": "https://shop.example/cart", "listener": "edge", "source": "192.0.2.7",
    "sni": "shop", "headers": {"a": "1", "b": ["2", "3"]}, "worker": 1,
    "client_certificate": {"subject": "CN=a", "dns": ["a"], "uris": ["b"], "verified": false}})");
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->question.method, "POST");
  EXPECT_EQ(asked->question.url, "https://shop.example/cart");
  EXPECT_EQ(asked->question.listener, "edge");
  EXPECT_EQ(asked->question.source, "192.0.2.7");
  EXPECT_EQ(asked->question.server_name, "shop");
  EXPECT_THAT(asked->question.headers, ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("b", "3")));
  EXPECT_EQ(asked->worker, 1u);
  ASSERT_TRUE(asked->question.certificate.has_value());
  EXPECT_EQ(asked->question.certificate->subject, "CN=a");
  EXPECT_THAT(asked->question.certificate->dns_names, ElementsAre("a"));
  EXPECT_THAT(asked->question.certificate->uris, ElementsAre("b"));
  EXPECT_FALSE(asked->question.certificate->verified);
}

TEST(AskedTest, OneThatWasServed) {
  const auto asked = readAsked(R"({"request_id": "abc"})");
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->request_id, "abc");
  EXPECT_EQ(asked->worker, 0u);
}

TEST(AskedTest, WhatIsWrongIsSaid) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "the body is a JSON object"},
      {"{}", "say what is asked about"},
      {R"({"url": 1})", "url is a text"},
      {R"({"url": "/", "request_id": "a"})", "two questions"},
      {R"({"uri": "/"})", "\"uri\" is not known"},
      {R"({"url": "/", "headers": []})", "headers is an object"},
      {R"({"url": "/", "headers": {"a": 1}})", "header a is a text"},
      {R"({"url": "/", "headers": {"a": [1]}})", "a is a list of texts"},
      {R"({"url": "/", "client_certificate": {"dns": "a"}})", "dns is a list of texts"},
      {R"({"url": "/", "client_certificate": {"verified": 1}})", "verified is true or false"},
      {R"({"url": "/", "worker": -1})", "number of a worker"},
      {R"({"url": "/", "worker": "1"})", "number of a worker"},
      {R"({"url": "/", "worker": 4294967296})", "number of a worker"},
  };
  for (const auto& [json, said] : rows) EXPECT_THAT(errorOf(json), HasSubstr(said)) << json;
}

}  // namespace
}  // namespace weir::explain
