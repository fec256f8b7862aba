// DNS through udp_proxy, and through tcp_proxy for what does not fit into a datagram: dnsmasq
// answers, dig and the test ask.

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Command;
using ::testing::HasSubstr;
using ::testing::Not;

// A query for the IPv4 address of hostN.weir.example.
std::string query(int number) {
  std::string bytes{static_cast<char>(number >> 8), static_cast<char>(number)};
  bytes += std::string("\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);
  for (const std::string& label :
       {"host" + std::to_string(number), std::string("weir"), std::string("example")}) {
    bytes += static_cast<char>(label.size()) + label;
  }
  return bytes + std::string("\x00\x00\x01\x00\x01", 5);
}

base::UniqueFd clientOf(uint16_t port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string receive(int fd) {
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&readable, 1, 10'000) != 1) return {};
  char bytes[4096];
  const ssize_t size = ::recv(fd, bytes, sizeof bytes, 0);
  return size < 0 ? std::string() : std::string(bytes, static_cast<size_t>(size));
}

class DnsTest : public ::testing::Test {
 protected:
  static constexpr int kHosts = 500;

  void SetUp() override {
    ASSERT_TRUE(test::accepts(port_, dnsmasq_)) << dnsmasq_.err();
    ASSERT_TRUE(weir_.process().running()) << weir_.process().err();
  }

  // 10.1.0.0 + N for host N; a TXT record of 3 000 bytes and one of 20 000 bytes.
  std::string configuration() {
    std::string text =
        "no-daemon\nno-resolv\nno-hosts\nbind-interfaces\nlisten-address=127.0.0.1\n"
        "edns-packet-max=4096\npid-file=\nport=" +
        std::to_string(port_) + "\n";
    for (int i = 0; i < kHosts; ++i) {
      text += "host-record=host" + std::to_string(i) + ".weir.example,10.1." +
              std::to_string(i / 256) + "." + std::to_string(i % 256) + "\n";
    }
    for (int i = 0; i < 15; ++i) {
      text +=
          "txt-record=large.weir.example," + std::string(199, static_cast<char>('a' + i)) + "\n";
    }
    for (int i = 0; i < 100; ++i) {
      text += "txt-record=huge.weir.example," + std::to_string(i) + std::string(197, 'h') + "\n";
    }
    return folder_.write("dnsmasq.conf", text);
  }

  std::string listener(const std::string& name, const std::string& filters) {
    return "listeners { name: \"" + name + "\" address: \"127.0.0.1:" + std::to_string(edge_) +
           "\" " + filters + " }\n";
  }

  std::string dig(Command arguments) {
    arguments.insert(arguments.begin(),
                     {"dig", "@127.0.0.1", "-p", std::to_string(edge_), "+tries=1", "+time=5"});
    const test::Finished finished = test::runToEnd(arguments, std::chrono::seconds(60));
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return finished.out;
  }

  test::TemporaryFolder folder_;
  uint16_t port_ = test::freePort();
  test::ChildProcess dnsmasq_{{"dnsmasq", "--conf-file=" + configuration()}};
  // The same port for both, which clients expect.
  uint16_t edge_ = test::freePort();
  test::WeirProcess weir_{listener("dns-udp",
                                   "udp_filter { config { [udp_filters/udp_proxy] { "
                                   "cluster: \"dns\" } } }") +
                          listener("dns-tcp",
                                   "filter_chains { filters { config { "
                                   "[network_filters/tcp_proxy] { cluster: \"dns\" } } } }") +
                          test::cluster("dns", {"127.0.0.1:" + std::to_string(port_)}) +
                          test::runtime()};
};

TEST_F(DnsTest, SmallAndLargeAnswers) {
  EXPECT_EQ(dig({"+short", "host7.weir.example"}), "10.1.0.7\n");
  EXPECT_THAT(dig({"nothing.weir.example"}), HasSubstr("status: REFUSED"));
  // As one datagram of more than 3 000 bytes.
  const std::string large = dig({"+bufsize=4096", "+ignore", "large.weir.example", "TXT"});
  EXPECT_THAT(large, HasSubstr("ANSWER: 15,"));
  EXPECT_THAT(large, Not(HasSubstr(" tc ")));
}

TEST_F(DnsTest, WhatDoesNotFitIsAskedForAgainByTcp) {
  EXPECT_THAT(dig({"+ignore", "huge.weir.example", "TXT"}), HasSubstr(" tc "));
  EXPECT_THAT(dig({"huge.weir.example", "TXT"}), HasSubstr("ANSWER: 100,"));
}

TEST_F(DnsTest, ManyQueriesOfOneDig) {
  std::string names;
  std::string expected;
  for (int i = 0; i < kHosts; ++i) {
    names += "host" + std::to_string(i) + ".weir.example\n";
    expected += "10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "\n";
  }
  EXPECT_EQ(dig({"+short", "-f", folder_.write("names", names)}), expected);
}

TEST_F(DnsTest, ManyClientsAtOnceGetTheirOwnAnswers) {
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < kHosts; ++i) {
    clients.push_back(clientOf(edge_));
    const std::string bytes = query(i);
    ASSERT_EQ(::send(clients.back().get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  for (int i = 0; i < kHosts; ++i) {
    const std::string answer = receive(clients[static_cast<size_t>(i)].get());
    const std::string address{10, 1, static_cast<char>(i / 256), static_cast<char>(i % 256)};
    ASSERT_GT(answer.size(), 16u) << i;
    EXPECT_EQ(answer.substr(0, 2), query(i).substr(0, 2)) << i;
    EXPECT_EQ(answer.substr(answer.size() - 4), address) << i;
  }
}

}  // namespace
}  // namespace weir
