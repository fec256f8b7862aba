// Certificates are renewed while Weir runs: by hand in certbot's file layout, and by lego with a
// certificate authority of the test's own (pebble) that asks Weir for the challenge.

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

using test::ChildProcess;
using test::Command;
using test::Finished;
using test::ScriptedOrigin;
using ::testing::HasSubstr;

constexpr char kName[] = "www.weir.example";

std::string tlsListener(const std::string& certificate, const std::string& key) {
  return R"(listeners { name: "tls" address: "127.0.0.1:0" filter_chains {
  filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { route { cluster: "origin" } } } } } }
  transport_socket { config { [transport_sockets/tls] {
    certificates { certificate_file: ")" +
         certificate + "\" private_key_file: \"" + key + "\" } } } } } }\n";
}

class RenewalTest : public ::testing::Test {
 protected:
  Command client(uint16_t port, const std::string& authority, Command more = {}) {
    more.insert(more.begin(), {"/usr/bin/python3", test::dataFile("test/e2e/tls_client.py"),
                               std::to_string(port), kName, authority});
    return more;
  }
  // The common name of what a new connection is shown, and the status of a request on it.
  std::string ask(uint16_t port, const std::string& authority) {
    const Finished finished = test::runToEnd(client(port, authority));
    return finished.code == 0 ? finished.out : finished.err;
  }

  test::TemporaryFolder folder_;
  ScriptedOrigin origin_{
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
};

// live/NAME/*.pem are links into archive/NAME, whose files are numbered.
class CertbotLayout {
 public:
  CertbotLayout(const test::TemporaryFolder& folder, test::CertificateAuthority& ca)
      : folder_(folder), ca_(ca) {
    fs::create_directories(folder.file("live/site"));
    fs::create_directories(folder.file("archive/site"));
  }
  std::string live(const std::string& kind) const {
    return folder_.file("live/site/" + kind + ".pem");
  }
  // Puts a new pair into the archive; its common name is "renewed-N".
  void issue(int number) {
    const auto pair = ca_.issue("renewed-" + std::to_string(number), std::string("DNS:") + kName);
    const std::string end = std::to_string(number) + ".pem";
    fs::copy_file(pair.certificate, folder_.file("archive/site/fullchain" + end));
    fs::copy_file(pair.key, folder_.file("archive/site/privkey" + end));
  }
  // As certbot does it: the link is removed, then made anew.
  void link(const std::string& kind, int number) {
    fs::remove(live(kind));
    fs::create_symlink("../../archive/site/" + kind + std::to_string(number) + ".pem", live(kind));
  }

 private:
  const test::TemporaryFolder& folder_;
  test::CertificateAuthority& ca_;
};

TEST_F(RenewalTest, CertbotSwapsLinksAndConnectionsLiveOn) {
  test::CertificateAuthority ca(folder_);
  CertbotLayout layout(folder_, ca);
  for (int number = 1; number <= 3; ++number) layout.issue(number);
  layout.link("privkey", 1);
  layout.link("fullchain", 1);
  test::WeirProcess weir(tlsListener(layout.live("fullchain"), layout.live("privkey")) +
                         test::cluster("origin", {origin_.address()}) + test::runtime());
  const uint16_t port = weir.port("tls");
  ASSERT_NE(port, 0) << weir.process().err();
  EXPECT_EQ(ask(port, ca.file()), "renewed-1 200\n");
  const std::string go_on = folder_.file("go-on");
  ChildProcess old(client(port, ca.file(), {go_on}));
  ASSERT_TRUE(old.waitForOutput("renewed-1 200\n")) << old.err();

  // Half of a renewal changes nothing: the key does not match yet.
  layout.link("privkey", 2);
  ASSERT_TRUE(weir.process().waitForError("privkey")) << weir.process().err();
  EXPECT_EQ(ask(port, ca.file()), "renewed-1 200\n");
  layout.link("fullchain", 2);
  EXPECT_TRUE(test::eventually([&] { return ask(port, ca.file()) == "renewed-2 200\n"; }))
      << weir.process().err();
  // And once more, without waiting in between.
  layout.link("privkey", 3);
  layout.link("fullchain", 3);
  EXPECT_TRUE(test::eventually([&] { return ask(port, ca.file()) == "renewed-3 200\n"; }))
      << weir.process().err();

  // The connection that was there all the time still works, with what it was shown.
  folder_.write("go-on", "");
  EXPECT_EQ(old.wait(), 0) << old.err();
  EXPECT_EQ(old.out(), "renewed-1 200\nrenewed-1 200\n");
}

// An ACME authority that asks the names' HTTP ports, all of which are this host's `http` port.
class Pebble {
 public:
  Pebble(const test::TemporaryFolder& folder, uint16_t http)
      : folder_(folder),
        names_({"pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01",
                "", "-https01", "", "-tlsalpn01", "", "-dns01", local(dns_), "-management",
                local(names_port_)}),
        // Sleeps and refuses at random, to train its clients, unless told not to.
        process_({"env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "pebble", "-config",
                  configuration(http), "-dnsserver", local(dns_)}) {}

  bool ready() { return test::accepts(dns_, names_) && test::accepts(port_, process_); }
  std::string log() const { return names_.out() + names_.err() + process_.out() + process_.err(); }
  std::string url() const { return "https://" + local(port_) + "/dir"; }
  const std::string& authorityOfUrl() const { return own_ca_.file(); }
  // The root of what it issues, in a file.
  std::string root() const {
    return folder_.write(
        "root.pem",
        test::curl({"--cacert", own_ca_.file(), "https://" + local(manage_) + "/roots/0"}).out);
  }

 private:
  static std::string local(uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
  std::string configuration(uint16_t http) {
    const auto pair = own_ca_.issue("pebble", "IP:127.0.0.1");
    return folder_.write(
        "pebble.json",
        R"({"pebble": {"listenAddress": ")" + local(port_) + R"(", "managementListenAddress": ")" +
            local(manage_) + R"(", "certificate": ")" + pair.certificate + R"(", "privateKey": ")" +
            pair.key + R"(", "httpPort": )" + std::to_string(http) + R"(, "tlsPort": 1}})");
  }

  const test::TemporaryFolder& folder_;
  test::CertificateAuthority own_ca_{folder_, "pebble-ca"};
  uint16_t port_ = test::freePort();
  uint16_t manage_ = test::freePort();
  uint16_t dns_ = test::freePort();
  uint16_t names_port_ = test::freePort();
  ChildProcess names_;
  ChildProcess process_;
};

std::string challengeListener(uint16_t port, const std::string& folder) {
  return "listeners { name: \"http\" address: \"127.0.0.1:" + std::to_string(port) +
         R"(" filter_chains { filters { config { [network_filters/http_connection_manager] {
    http_filters { config { [http_filters/acme_challenge] { webroot: ")" +
         folder +
         R"(" } } }
    virtual_hosts { name: "all" domains: "*" routes { redirect { scheme: "https" } } }
  } } } } })"
         "\n";
}

std::string serialOf(const std::string& certificate) {
  return test::runToEnd({"openssl", "x509", "-in", certificate, "-noout", "-serial"}).out;
}

TEST_F(RenewalTest, LegoGetsACertificateThroughWeirAndRenewsIt) {
  const uint16_t http = test::freePort();
  Pebble pebble(folder_, http);
  ASSERT_TRUE(pebble.ready()) << pebble.log();
  const std::string web = folder_.file("web");
  fs::create_directories(web);
  const auto lego = [&](Command what) {
    what.insert(what.begin(),
                {"env", "LEGO_CA_CERTIFICATES=" + pebble.authorityOfUrl(), "lego", "--accept-tos",
                 "--email", "hostmaster@weir.example", "--server", pebble.url(), "--path",
                 folder_.file("lego"), "--domains", kName, "--http", "--http.webroot", web});
    return test::runToEnd(what, std::chrono::seconds(60));
  };

  // The first one, while there is nothing to serve with yet.
  const std::string challenge = challengeListener(http, web);
  const std::string origin = test::cluster("origin", {origin_.address()}) + test::runtime();
  {
    test::WeirProcess first(challenge + origin);
    ASSERT_NE(first.port("http"), 0) << first.process().err();
    const Finished issued = lego({"run"});
    ASSERT_EQ(issued.code, 0) << issued.err << pebble.log() << first.process().err();
  }
  const std::string certificate = folder_.file("lego/certificates/") + kName + ".crt";
  const std::string key = folder_.file("lego/certificates/") + kName + ".key";
  test::WeirProcess weir(challenge + tlsListener(certificate, key) + origin);
  const uint16_t port = weir.port("tls");
  ASSERT_NE(port, 0) << weir.process().err();
  const std::string root = pebble.root();
  EXPECT_EQ(ask(port, root), std::string(kName) + " 200\n");
  const std::string go_on = folder_.file("go-on");
  ChildProcess old(client(port, root, {go_on}));
  ASSERT_TRUE(old.waitForOutput(" 200\n")) << old.err();
  const std::string before = serialOf(certificate);

  const Finished renewed = lego({"renew", "--days", "10000", "--no-random-sleep"});
  ASSERT_EQ(renewed.code, 0) << renewed.err << pebble.log() << weir.process().err();
  ASSERT_NE(serialOf(certificate), before);
  const auto served = [&] {
    const std::string file = folder_.file("served.pem");
    const std::string address = "127.0.0.1:" + std::to_string(port);
    test::runToEnd({"sh", "-c",
                    "openssl s_client -connect " + address + " -servername " + kName +
                        " < /dev/null 2> /dev/null | openssl x509 > " + file});
    return serialOf(file);
  };
  EXPECT_TRUE(test::eventually([&] { return served() == serialOf(certificate); }))
      << weir.process().err();
  folder_.write("go-on", "");
  EXPECT_EQ(old.wait(), 0) << old.err();
}

}  // namespace
}  // namespace weir
