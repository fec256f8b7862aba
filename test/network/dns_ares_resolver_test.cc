#include "source/network/dns_ares_resolver.h"

#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "source/event/uv_dispatcher.h"
#include "test/network/dns_server.h"

namespace weir::network {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::DnsQuestion;
using test::DnsReply;
using test::DnsServer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts(const std::vector<Address>& addresses) {
  std::vector<std::string> out;
  for (const Address& address : addresses) out.push_back(address.ip());
  return out;
}

class AresDnsResolverTest : public ::testing::Test {
 protected:
  AresDnsResolverTest() { makeResolver({server_.address()}); }

  void makeResolver(std::vector<Address> servers, DnsOptions options = {}) {
    options.servers = std::move(servers);
    resolver_ = std::make_unique<AresDnsResolver>(*dispatcher_, std::move(options));
  }
  void impatient(std::vector<Address> servers) {
    makeResolver(std::move(servers),
                 {.servers = {}, .timeout = milliseconds(50), .tries = 2, .resolv_conf = {}});
  }
  // Runs the loop until the answer is there.
  DnsAddresses resolve(const std::string& name, DnsFamily family = DnsFamily::kIpv4) {
    std::optional<DnsAddresses> result;
    const auto query = resolver_->resolveAddresses(name, family, [&](DnsAddresses answer) {
      result = std::move(answer);
      dispatcher_->stop();
    });
    EXPECT_FALSE(result) << "answered from inside";
    dispatcher_->run();
    return result.value_or(DnsAddresses{});
  }
  DnsServices resolveService(const std::string& name) {
    std::optional<DnsServices> result;
    const auto query = resolver_->resolveService(name, [&](DnsServices answer) {
      result = std::move(answer);
      dispatcher_->stop();
    });
    dispatcher_->run();
    return result.value_or(DnsServices{});
  }
  DnsFailure failureWith(const std::function<std::string(const DnsQuestion&)>& bytes) {
    server_.setScript([bytes](const DnsQuestion& question) { return bytes(question); });
    return resolve("web.example").failure;
  }

  std::unique_ptr<event::UvDispatcher> dispatcher_ = *event::UvDispatcher::create();
  DnsServer server_;
  std::unique_ptr<AresDnsResolver> resolver_;
};

TEST_F(AresDnsResolverTest, AddressesOfEitherFamily) {
  server_.setScript([](const DnsQuestion& question) {
    DnsReply reply(question);
    if (question.type == test::kDnsA) reply.a("10.0.0.2", 30).a("10.0.0.1", 20).a("10.0.0.2", 40);
    if (question.type == test::kDnsAaaa) reply.aaaa("2001:db8::1", 10);
    return reply.bytes();
  });
  const DnsAddresses v4 = resolve("web.example");
  EXPECT_EQ(v4.failure, DnsFailure::kNone);
  EXPECT_THAT(texts(v4.addresses), ElementsAre("10.0.0.2", "10.0.0.1"));
  EXPECT_EQ(v4.ttl, seconds(20));
  const DnsAddresses v6 = resolve("web.example", DnsFamily::kIpv6);
  EXPECT_THAT(texts(v6.addresses), ElementsAre("2001:db8::1"));
  EXPECT_EQ(v6.ttl, seconds(10));
  EXPECT_EQ(server_.questions().size(), 2u);
}

TEST_F(AresDnsResolverTest, AliasesAreFollowedAndTheirTimeCounts) {
  server_.setScript([](const DnsQuestion& question) {
    DnsReply reply(question);
    reply.cname("h0.example", 300);
    for (int i = 0; i < 8; ++i) {
      reply.cname("h" + std::to_string(i + 1) + ".example", i == 3 ? 7 : 300,
                  "h" + std::to_string(i) + ".example");
    }
    return reply.a("10.0.0.9", 300, "h8.example").bytes();
  });
  const DnsAddresses answer = resolve("web.example");
  EXPECT_THAT(texts(answer.addresses), ElementsAre("10.0.0.9"));
  EXPECT_EQ(answer.ttl, seconds(7));
}

TEST_F(AresDnsResolverTest, AnAliasToNowhereIsNoData) {
  EXPECT_EQ(failureWith([](const DnsQuestion& question) {
              return DnsReply(question).cname("gone.example").bytes();
            }),
            DnsFailure::kNoData);
}

TEST_F(AresDnsResolverTest, TimesToLiveAtTheirEnds) {
  for (const auto& [ttl, expected] :
       std::vector<std::pair<uint32_t, int>>{{0, 0}, {0x7fffffff, 0x7fffffff}, {0xffffffff, 0}}) {
    server_.setScript([ttl = ttl](const DnsQuestion& question) {
      return DnsReply(question).a("10.0.0.1", ttl).bytes();
    });
    EXPECT_EQ(resolve("web.example").ttl, seconds(expected));
  }
}

TEST_F(AresDnsResolverTest, WhatDoesNotFitIsAskedForAgainByTcp) {
  server_.setScript([](const DnsQuestion& question) {
    DnsReply reply(question);
    for (int i = 0; i < 200; ++i) reply.a("10.0.1." + std::to_string(i));
    return reply.bytes();
  });
  EXPECT_EQ(resolve("web.example").addresses.size(), 200u);
  const auto questions = server_.questions();
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_FALSE(questions[0].tcp);
  EXPECT_TRUE(questions[1].tcp);
}

TEST_F(AresDnsResolverTest, TheLargestAnswerThatThereIs) {
  server_.setScript([](const DnsQuestion& question) {
    DnsReply reply(question);
    for (int i = 0; i < 4000; ++i) {
      reply.a("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
    }
    return reply.bytes();
  });
  EXPECT_EQ(resolve("web.example").addresses.size(), 4000u);
}

TEST_F(AresDnsResolverTest, WhatServersSayInsteadOfAnAnswer) {
  const auto code = [this](int rcode) {
    return failureWith(
        [rcode](const DnsQuestion& question) { return DnsReply(question).code(rcode).bytes(); });
  };
  EXPECT_EQ(code(0), DnsFailure::kNoData);
  EXPECT_EQ(code(2), DnsFailure::kServer);
  EXPECT_EQ(code(3), DnsFailure::kNoSuchName);
  EXPECT_EQ(code(4), DnsFailure::kServer);
  EXPECT_EQ(code(5), DnsFailure::kServer);
}

TEST_F(AresDnsResolverTest, AnAddressOfAWrongLengthIsNone) {
  const DnsFailure failure = failureWith([](const DnsQuestion& question) {
    return DnsReply(question).record(test::kDnsA, 60, "abcdefg").bytes();
  });
  EXPECT_TRUE(failure == DnsFailure::kMalformed || failure == DnsFailure::kNoData)
      << toString(failure);
}

TEST_F(AresDnsResolverTest, RecordsThatAreCutOffAreMalformed) {
  EXPECT_EQ(failureWith([](const DnsQuestion& question) {
              std::string bytes = DnsReply(question).a("10.0.0.1").a("10.0.0.2").bytes();
              bytes.resize(bytes.size() - 3);
              return bytes;
            }),
            DnsFailure::kMalformed);
}

// To which it cannot tell that they are about its question: so it waits for a better one.
TEST_F(AresDnsResolverTest, WhatAnswersAnotherQuestionIsIgnored) {
  impatient({server_.address()});
  for (const auto& spoil : std::vector<std::function<void(std::string&)>>{
           [](std::string& bytes) { bytes[0] = static_cast<char>(bytes[0] ^ 1); },
           [](std::string& bytes) { bytes[13] = 'x'; }, [](std::string& bytes) { bytes.resize(7); },
           [](std::string& bytes) { bytes.clear(); }}) {
    EXPECT_EQ(failureWith([spoil](const DnsQuestion& question) {
                std::string bytes = DnsReply(question).a("10.0.0.1").bytes();
                spoil(bytes);
                return bytes;
              }),
              DnsFailure::kTimeout);
  }
}

TEST_F(AresDnsResolverTest, SilenceIsATimeoutAfterAllTries) {
  impatient({server_.address()});
  EXPECT_EQ(resolve("web.example").failure, DnsFailure::kTimeout);
  EXPECT_EQ(server_.questions().size(), 2u);
}

TEST_F(AresDnsResolverTest, ALostDatagramIsSentAgain) {
  impatient({server_.address()});
  server_.setScript([first = true](const DnsQuestion& question) mutable {
    return std::exchange(first, false) ? std::optional<std::string>()
                                       : DnsReply(question).a("10.0.0.1").bytes();
  });
  EXPECT_THAT(texts(resolve("web.example").addresses), ElementsAre("10.0.0.1"));
}

TEST_F(AresDnsResolverTest, TheNextServerIsAskedWhenOneFails) {
  DnsServer failing([](const DnsQuestion& question) { return DnsReply(question).code(2).bytes(); });
  server_.setScript(
      [](const DnsQuestion& question) { return DnsReply(question).a("10.0.0.1").bytes(); });
  makeResolver({failing.address(), server_.address()});
  EXPECT_THAT(texts(resolve("web.example").addresses), ElementsAre("10.0.0.1"));
  EXPECT_EQ(failing.questions().size(), 1u);
}

TEST_F(AresDnsResolverTest, AServerThatIsNotThere) {
  Address nobody;
  {
    DnsServer gone;
    nobody = gone.address();
  }
  impatient({nobody});
  EXPECT_EQ(resolve("web.example").failure, DnsFailure::kServer);
}

TEST_F(AresDnsResolverTest, ServicesByUdpAndTcp) {
  server_.setScript([](const DnsQuestion& question) {
    DnsReply reply(question);
    const int count = question.name.starts_with("_few") ? 1 : 100;
    for (int i = 0; i < count; ++i) {
      reply.srv({1, 2, static_cast<uint16_t>(80 + i)}, "web.example", 30);
    }
    return reply.bytes();
  });
  const DnsServices few = resolveService("_few._tcp.example");
  EXPECT_THAT(few.services, ElementsAre(DnsService{1, 2, 80, "web.example"}));
  EXPECT_EQ(few.ttl, seconds(30));
  EXPECT_EQ(resolveService("_many._tcp.example").services.size(), 100u);
  EXPECT_EQ(server_.asked(test::kDnsSrv), 3);
}

TEST_F(AresDnsResolverTest, ServicesThatAreNotThere) {
  server_.setScript([](const DnsQuestion& question) { return DnsReply(question).code(3).bytes(); });
  EXPECT_EQ(resolveService("_http._tcp.example").failure, DnsFailure::kNoSuchName);
  server_.setScript([](const DnsQuestion& question) {
    return DnsReply(question).record(test::kDnsSrv, 60, "broken").bytes();
  });
  EXPECT_EQ(resolveService("_http._tcp.example").failure, DnsFailure::kMalformed);
}

TEST_F(AresDnsResolverTest, SearchDomainsDoNotApplyToListedServers) {
  server_.setScript([](const DnsQuestion& question) { return DnsReply(question).code(3).bytes(); });
  EXPECT_EQ(resolve("web").failure, DnsFailure::kNoSuchName);
  ASSERT_EQ(server_.questions().size(), 1u);
  EXPECT_EQ(server_.questions()[0].name, "web");
}

TEST_F(AresDnsResolverTest, ManyQuestionsAtOnce) {
  server_.setScript([](const DnsQuestion& question) {
    return DnsReply(question)
        .a("10.0.0." + question.name.substr(4, question.name.find('.') - 4))
        .bytes();
  });
  std::vector<std::unique_ptr<DnsQuery>> queries;
  int right = 0;
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    queries.push_back(resolver_->resolveAddresses(
        "host" + std::to_string(i) + ".example", DnsFamily::kIpv4, [&, i](DnsAddresses answer) {
          right += texts(answer.addresses) == std::vector{"10.0.0." + std::to_string(i)} ? 1 : 0;
          if (++done == 100) dispatcher_->stop();
        }));
  }
  dispatcher_->run();
  EXPECT_EQ(right, 100);
}

TEST_F(AresDnsResolverTest, ACancelledQuestionIsNotAnswered) {
  server_.setScript(
      [](const DnsQuestion& question) { return DnsReply(question).a("10.0.0.1").bytes(); });
  auto cancelled = resolver_->resolveAddresses("a.example", DnsFamily::kIpv4,
                                               [](DnsAddresses) { FAIL() << "was cancelled"; });
  cancelled.reset();
  EXPECT_EQ(resolve("b.example").failure, DnsFailure::kNone);
}

TEST_F(AresDnsResolverTest, ACallbackMayCancelAnotherAndItself) {
  server_.setScript([](const DnsQuestion& question) { return DnsReply(question).code(3).bytes(); });
  std::unique_ptr<DnsQuery> first;
  std::unique_ptr<DnsQuery> second;
  int answers = 0;
  const auto answered = [&](DnsAddresses) {
    ++answers;
    first.reset();
    second.reset();
    dispatcher_->stop();
  };
  first = resolver_->resolveAddresses("a.example", DnsFamily::kIpv4, answered);
  second = resolver_->resolveAddresses("b.example", DnsFamily::kIpv4, answered);
  dispatcher_->run();
  EXPECT_EQ(resolve("c.example").failure, DnsFailure::kNoSuchName);
  EXPECT_EQ(answers, 1);
}

TEST_F(AresDnsResolverTest, ACallbackMayDestroyTheResolver) {
  server_.setScript([](const DnsQuestion& question) { return DnsReply(question).code(3).bytes(); });
  int answers = 0;
  const auto answered = [&](DnsAddresses) {
    ++answers;
    resolver_.reset();
    dispatcher_->stop();
  };
  const auto first = resolver_->resolveAddresses("a.example", DnsFamily::kIpv4, answered);
  const auto second = resolver_->resolveAddresses("b.example", DnsFamily::kIpv4, answered);
  dispatcher_->run();
  EXPECT_EQ(answers, 1);
}

TEST_F(AresDnsResolverTest, QueriesMayOutliveTheResolver) {
  const auto query = resolver_->resolveAddresses("a.example", DnsFamily::kIpv4,
                                                 [](DnsAddresses) { FAIL() << "it is gone"; });
  const auto service =
      resolver_->resolveService("_a._tcp.example", [](DnsServices) { FAIL() << "it is gone"; });
  resolver_.reset();
  dispatcher_->post([this] { dispatcher_->stop(); });
  dispatcher_->run();
}

// c-ares refuses such a name by itself, at once; callers check names before.
TEST_F(AresDnsResolverTest, ANameThatCannotBeSent) {
  EXPECT_NE(resolve(std::string(300, 'a')).failure, DnsFailure::kNone);
  EXPECT_NE(resolveService("a..b").failure, DnsFailure::kNone);
}

class SystemResolverTest : public AresDnsResolverTest {
 protected:
  SystemResolverTest() { folder_ = ::testing::TempDir(); }
  void writeConfiguration(const std::string& text) {
    // By another file, as a DHCP client does it.
    const std::string path = folder_ + "/resolv.conf";
    std::ofstream(path + ".new") << text;
    ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
    ASSERT_TRUE(std::ifstream(path).good());
  }
  void useSystem() {
    makeResolver({}, {.servers = {},
                      .timeout = milliseconds(50),
                      .tries = 1,
                      .resolv_conf = folder_ + "/resolv.conf"});
  }
  std::string folder_;
};

TEST_F(SystemResolverTest, TheHostsFileComesFirst) {
  writeConfiguration("nameserver 127.255.255.254\n");
  useSystem();
  EXPECT_THAT(texts(resolve("localhost").addresses), ElementsAre("127.0.0.1"));
}

TEST_F(SystemResolverTest, AChangedConfigurationIsFollowed) {
  writeConfiguration("nameserver 127.255.255.254\noptions timeout:1 attempts:1\n");
  useSystem();
  const DnsFailure before = resolve("web.example").failure;
  EXPECT_TRUE(before == DnsFailure::kServer || before == DnsFailure::kTimeout);
  const auto old =
      resolver_->resolveAddresses("old.example", DnsFamily::kIpv4, [](DnsAddresses) {});
  // It names no port: that nobody is there is told by another failure than silence.
  writeConfiguration("nameserver 127.0.0.1\n");
  EXPECT_NE(resolve("web.example").failure, DnsFailure::kNone);
  EXPECT_THAT(texts(resolve("localhost").addresses), ElementsAre("127.0.0.1"));
}

TEST_F(SystemResolverTest, AConfigurationThatIsNotThereMeansThisHost) {
  folder_ += "/nothing";
  useSystem();
  EXPECT_THAT(texts(resolve("localhost").addresses), ElementsAre("127.0.0.1"));
}

}  // namespace
}  // namespace weir::network
