#include "source/http/cookies.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

struct Request {
  explicit Request(std::initializer_list<std::string_view> cookies) {
    for (const std::string_view cookie : cookies) headers.add(HeaderId::kCookie, cookie);
  }
  std::string get(std::string_view name) const {
    return std::string(cookieValue(headers, name).value_or("none"));
  }
  base::Arena arena;
  HeaderMap headers{arena};
};

TEST(Cookies, AreFoundByName) {
  const Request request({"a=1; session=s3cr3t; b=2"});
  EXPECT_EQ(request.get("session"), "s3cr3t");
  EXPECT_EQ(request.get("a"), "1");
  EXPECT_EQ(request.get("b"), "2");
  EXPECT_EQ(request.get("c"), "none");
  EXPECT_EQ(request.get("Session"), "none") << "case counts";
  EXPECT_EQ(request.get("ession"), "none");
  EXPECT_EQ(request.get(""), "none");
}

TEST(Cookies, TheFirstOfAllFieldsCounts) {
  const Request request({"a=1", "b=2; a=3", "c=4"});
  EXPECT_EQ(request.get("a"), "1");
  EXPECT_EQ(request.get("b"), "2");
  EXPECT_EQ(request.get("c"), "4");
}

TEST(Cookies, QuotesAreNoPartOfTheValue) {
  const Request request({"a=\"x y\"; b=\"; c=\"\"; d=\"open; e=o\"k"});
  EXPECT_EQ(request.get("a"), "x y");
  EXPECT_EQ(request.get("b"), "\"") << "one alone is a value";
  EXPECT_EQ(request.get("c"), "");
  EXPECT_EQ(request.get("d"), "\"open");
  EXPECT_EQ(request.get("e"), "o\"k");
}

TEST(Cookies, WhateverIsAroundThem) {
  const Request request({" ;; a=1;b = 2 ;\tc=3;junk;=4;d=;e==5=; f=6;"});
  EXPECT_EQ(request.get("a"), "1");
  EXPECT_EQ(request.get("b"), "2");
  EXPECT_EQ(request.get("c"), "3");
  EXPECT_EQ(request.get("junk"), "none");
  EXPECT_EQ(request.get(""), "4");
  EXPECT_EQ(request.get("d"), "");
  EXPECT_EQ(request.get("e"), "=5=");
  EXPECT_EQ(request.get("f"), "6");
}

TEST(Cookies, NoFieldNoCookie) {
  EXPECT_EQ(Request({}).get("a"), "none");
  EXPECT_EQ(Request({""}).get("a"), "none");
}

}  // namespace
}  // namespace weir::http
