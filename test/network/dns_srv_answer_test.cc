#include "source/network/dns_srv_answer.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/network/dns_server.h"

namespace weir::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const test::DnsQuestion kQuestion{
    .id = 7, .name = "_http._tcp.example.com", .type = test::kDnsSrv, .tcp = true};

// A copy of exactly its size, so that the sanitizer sees a byte too far.
DnsServices parse(std::string_view bytes) {
  const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  return parseSrvAnswer(copy);
}

TEST(SrvAnswer, RecordsInTheOrderOfTheAnswer) {
  const auto services = parse(test::DnsReply(kQuestion)
                                  .srv({10, 5, 8080}, "B.example.com", 300)
                                  .srv({0, 0, 80}, "a.example.com", 20)
                                  .bytes());
  EXPECT_EQ(services.failure, DnsFailure::kNone);
  EXPECT_EQ(services.ttl, std::chrono::seconds(20));
  EXPECT_THAT(services.services, ElementsAre(DnsService{10, 5, 8080, "b.example.com"},
                                             DnsService{0, 0, 80, "a.example.com"}));
}

TEST(SrvAnswer, ATargetMayPointElsewhereInTheMessage) {
  // 12 bytes of header; "_http" and "_tcp" before "example.com" in the question.
  const std::string data("\0\1\0\2\x1f\x90\3web\xc0\x17", 12);
  const auto services = parse(test::DnsReply(kQuestion).record(test::kDnsSrv, 60, data).bytes());
  EXPECT_THAT(services.services, ElementsAre(DnsService{1, 2, 8080, "web.example.com"}));
}

TEST(SrvAnswer, AnAliasCountsByItsTime) {
  const auto services = parse(test::DnsReply(kQuestion)
                                  .cname("_http._tcp.other.example", 5)
                                  .srv({1, 1, 80}, "a.example", 60)
                                  .record(test::kDnsA, 1, "\x7f\0\0\1")
                                  .bytes());
  EXPECT_EQ(services.ttl, std::chrono::seconds(5));
  EXPECT_EQ(services.services.size(), 1u);
}

TEST(SrvAnswer, TimesWithTheHighestBitAreZero) {
  EXPECT_EQ(parse(test::DnsReply(kQuestion).srv({1, 1, 80}, "a", 0xffffffff).bytes()).ttl,
            std::chrono::seconds(0));
  EXPECT_EQ(parse(test::DnsReply(kQuestion).srv({1, 1, 80}, "a", 0x7fffffff).bytes()).ttl,
            std::chrono::seconds(0x7fffffff));
}

TEST(SrvAnswer, WhatIsNoServiceIsLeftOut) {
  const auto services = parse(test::DnsReply(kQuestion)
                                  .srv({0, 0, 80}, "")
                                  .srv({0, 0, 0}, "a.example")
                                  .srv({0, 0, 80}, "b d.example")
                                  .srv({0, 0, 80}, "10.0.0.1")
                                  .bytes());
  EXPECT_EQ(services.failure, DnsFailure::kNoData);
  EXPECT_THAT(services.services, IsEmpty());
  EXPECT_EQ(parse(test::DnsReply(kQuestion).bytes()).failure, DnsFailure::kNoData);
}

TEST(SrvAnswer, EveryPrefixOfAnAnswerIsMalformed) {
  const std::string whole = test::DnsReply(kQuestion)
                                .srv({10, 5, 8080}, "b.example.com")
                                .srv({0, 0, 80}, "a.example.com")
                                .bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto services = parse(std::string_view(whole).substr(0, size));
    EXPECT_EQ(services.failure, DnsFailure::kMalformed) << size;
    EXPECT_THAT(services.services, IsEmpty()) << size;
  }
}

TEST(SrvAnswer, BrokenRecords) {
  for (const std::string& data :
       {std::string(), std::string(6, '\0'), std::string("\0\0\0\0\0\1", 6),
        std::string("\0\0\0\0\0\1\3ab", 9),           // a name that ends too late
        std::string("\0\0\0\0\0\1\1a\0\0", 10),       // and one too early
        std::string("\0\0\0\0\0\1\xff\xff", 8),       // points behind the message
        std::string("\0\0\0\0\0\1\xc0\x3c", 8),       // to itself, more or less
        std::string("\0\0\0\0\0\1\x80\1a\0", 10)}) {  // of a reserved kind
    const auto services = parse(test::DnsReply(kQuestion).record(test::kDnsSrv, 60, data).bytes());
    EXPECT_EQ(services.failure, DnsFailure::kMalformed) << data.size();
  }
}

TEST(SrvAnswer, CountsThatPromiseTooMuch) {
  std::string bytes = test::DnsReply(kQuestion).srv({1, 1, 80}, "a").bytes();
  bytes[7] = 2;
  EXPECT_EQ(parse(bytes).failure, DnsFailure::kMalformed);
  bytes[6] = bytes[7] = '\xff';
  EXPECT_EQ(parse(bytes).failure, DnsFailure::kMalformed);
  bytes[4] = bytes[5] = '\xff';
  EXPECT_EQ(parse(bytes).failure, DnsFailure::kMalformed);
}

}  // namespace
}  // namespace weir::network
