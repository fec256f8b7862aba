#include "extensions/clusters/original_destination/original_destination.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "source/http/message.h"

namespace weir::extensions::clusters::original_destination {
namespace {

network::Address address(const std::string& text) {
  return *network::Address::parse(text);
}

OriginalDestinationConfig allowing(std::initializer_list<std::string_view> prefixes) {
  OriginalDestinationConfig config;
  for (const std::string_view prefix : prefixes) {
    config.allowed.push_back(*network::Prefix::parse(prefix));
  }
  return config;
}

// The address that is named, or the reason why none is.
std::string named(const OriginalDestinationConfig& config, const std::string& destination,
                  const http::RequestHead* request = nullptr) {
  upstream::PickContext context;
  const network::Address wanted = destination.empty() ? network::Address() : address(destination);
  if (!destination.empty()) context.original_destination = &wanted;
  context.request = request;
  const auto found = OriginalDestination(config).name(context);
  return found.address ? found.address->toString() : std::string(found.reason);
}

TEST(OriginalDestinationTest, NamesWhereTheClientWantedToGo) {
  EXPECT_EQ(named({}, "10.1.2.3:80"), "10.1.2.3:80");
  EXPECT_EQ(named({}, "[2001:db8::1]:443"), "[2001:db8::1]:443");
}

TEST(OriginalDestinationTest, WhatWasNotRedirectedGoesNowhere) {
  EXPECT_EQ(named({}, ""), "no_original_destination");
}

TEST(OriginalDestinationTest, AnotherPortIsPutInBeforeTheAddressIsJudged) {
  OriginalDestinationConfig config = allowing({"10.0.0.0/8"});
  config.port = 15006;
  EXPECT_EQ(named(config, "10.1.2.3:80"), "10.1.2.3:15006");
  EXPECT_EQ(named(config, "10.1.2.3:0"), "10.1.2.3:15006");
}

TEST(OriginalDestinationTest, OnlyWhatIsAllowedIsNamed) {
  const OriginalDestinationConfig config = allowing({"10.0.0.0/8", "fd00::/8"});
  EXPECT_EQ(named(config, "10.255.0.1:80"), "10.255.0.1:80");
  EXPECT_EQ(named(config, "[fd00::1]:80"), "[fd00::1]:80");
  EXPECT_EQ(named(config, "[::ffff:10.0.0.1]:80"), "[::ffff:10.0.0.1]:80");
  for (const char* other : {"11.0.0.1:80", "127.0.0.1:80", "[2001:db8::1]:80"}) {
    EXPECT_EQ(named(config, other), "original_destination_not_allowed") << other;
  }
}

TEST(OriginalDestinationTest, AddressesThatCannotBeConnectedToAreRefused) {
  for (const char* bad : {"10.0.0.1:0", "0.0.0.0:80", "[::]:80", "unix:/run/x"}) {
    EXPECT_EQ(named({}, bad), "original_destination_invalid") << bad;
  }
}

TEST(OriginalDestinationTest, AFieldNamesItWhereThatIsAllowed) {
  OriginalDestinationConfig config = allowing({"10.0.0.0/8"});
  http::RequestHead request;
  request.headers.add(kHeader, "10.0.0.9:8080");
  EXPECT_EQ(named(config, "10.0.0.1:80", &request), "10.0.0.1:80") << "off by default";
  config.use_http_header = true;
  EXPECT_EQ(named(config, "10.0.0.1:80", &request), "10.0.0.9:8080");
  EXPECT_EQ(named(config, "", &request), "10.0.0.9:8080");
  const http::RequestHead without;
  EXPECT_EQ(named(config, "10.0.0.1:80", &without), "10.0.0.1:80");
  EXPECT_EQ(named(config, "10.0.0.1:80"), "10.0.0.1:80") << "no HTTP at all";
}

TEST(OriginalDestinationTest, AFieldThatSaysNoAddressIsRefused) {
  OriginalDestinationConfig config = allowing({"10.0.0.0/8"});
  config.use_http_header = true;
  for (const char* bad :
       {"", "10.0.0.9", "10.0.0.9:", "10.0.0.9:0", "10.0.0.9:80, 10.0.0.8:80", "host:80",
        "10.0.0.9:99999", "10.0.0.9:80 ", "999.0.0.1:80", "[fd00::1:80"}) {
    http::RequestHead request;
    request.headers.add(kHeader, bad);
    EXPECT_EQ(named(config, "10.0.0.1:80", &request), "original_destination_header") << bad;
  }
  http::RequestHead twice;
  twice.headers.add(kHeader, "10.0.0.9:80");
  twice.headers.add(kHeader, "10.0.0.9:80");
  EXPECT_EQ(named(config, "10.0.0.1:80", &twice), "original_destination_header");
  http::RequestHead elsewhere;
  elsewhere.headers.add(kHeader, "192.0.2.1:80");
  EXPECT_EQ(named(config, "10.0.0.1:80", &elsewhere), "original_destination_not_allowed");
  http::RequestHead local;
  local.headers.add(kHeader, "unix:/run/x");
  EXPECT_EQ(named(config, "10.0.0.1:80", &local), "original_destination_invalid");
}

}  // namespace
}  // namespace weir::extensions::clusters::original_destination
