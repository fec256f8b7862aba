// Two sidecars in two networks: programs that know nothing of them talk over mutual TLS, and the
// server sees who called. Runs what docs/examples has, with the rules that tools/sidecar-init
// writes.

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/network_namespace.h"
#include "test/e2e/programs.h"
#include "test/support/eventually.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::ChildProcess;
using test::Command;
using test::Finished;
using test::NetworkNamespace;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr unsigned kProxy = 1337;
constexpr unsigned kApplication = 1000;

constexpr char kNoNetworks[] =
    "needs root and leave to make network namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN)";

void replaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// An example of docs/examples, and its listener again for IPv6.
std::string withIpv6(const std::string& example) {
  const std::string text =
      test::readFile(test::dataFile("docs/examples/" + example + ".textproto"));
  const size_t start = text.find("listeners {");
  std::string listener = text.substr(start, text.find("\n}\n", start) + 3 - start);
  replaceAll(listener, "0.0.0.0:", "[::]:");
  replaceAll(listener, "bound\"\n  address", "bound-v6\"\n  address");
  return text + listener;
}

// One host of the mesh: its network, its sidecar, and its application's programs.
class Host {
 public:
  Host(const std::string& name, const test::TemporaryFolder& folder)
      : name_(name), folder_(folder) {}

  NetworkNamespace& network() { return network_; }

  // Redirects and starts Weir with the pair of docs/examples, as its documentation says.
  // `keep_source`: the application sees the callers' own addresses.
  void startSidecar(test::CertificateAuthority& ca, const std::string& backend,
                    bool keep_source = false) {
    const auto pair = ca.issue(name_, "URI:spiffe://mesh.example/" + name_);
    std::string config = withIpv6("sidecar_outbound") + withIpv6("sidecar_inbound");
    replaceAll(config, "/etc/weir/ca.pem", ca.file());
    replaceAll(config, "/etc/weir/server.pem", pair.certificate);
    replaceAll(config, "/etc/weir/server.key", pair.key);
    Command rules = {test::dataFile("tools/sidecar-init"), "--proxy-uid", std::to_string(kProxy),
                     "--backend", backend};
    std::string capabilities;
    if (keep_source) {
      const std::string cluster = "name: \"application\"";
      config.insert(config.find(cluster), "original_source: true ");
      rules.push_back("--original-source");
      capabilities = ",+net_admin";
    }
    const Finished written = network_.run(rules);
    ASSERT_EQ(written.code, 0) << written.err;
    const std::string file = folder_.write(name_ + ".textproto", config);
    sidecar_ = std::make_unique<ChildProcess>(network_.inside(
        test::asUser(kProxy, {test::weirBinary(), "run", "-c", file}, capabilities)));
    ASSERT_TRUE(sidecar_->waitForError("serving with ")) << sidecar_->err();
  }

  ChildProcess& start(const Command& command) {
    programs_.push_back(
        std::make_unique<ChildProcess>(network_.inside(test::asUser(kApplication, command))));
    return *programs_.back();
  }
  Finished run(const Command& command, unsigned user = kApplication) {
    return network_.run(test::asUser(user, command));
  }
  Finished curl(Command arguments, unsigned user = kApplication) {
    const Command always = {"curl",      "--silent", "--show-error", "--max-time", "20",
                            "--noproxy", "*"};
    arguments.insert(arguments.begin(), always.begin(), always.end());
    return run(arguments, user);
  }
  std::string log() const { return name_ + ":\n" + sidecar_->out() + sidecar_->err(); }

 private:
  const std::string name_;
  const test::TemporaryFolder& folder_;
  NetworkNamespace network_;
  std::unique_ptr<ChildProcess> sidecar_;
  std::vector<std::unique_ptr<ChildProcess>> programs_;
};

// By backend of the rules.
class SidecarTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr char kCaller[] = "192.0.2.1";
  static constexpr char kServer[] = "192.0.2.2";

  void SetUp() override {
    if (!test::isRoot() || !test::NetworkNamespace().error().empty()) GTEST_SKIP() << kNoNetworks;
    ASSERT_TRUE(caller_.network().connect(server_.network(), "veth0",
                                          {"192.0.2.1/24", "2001:db8::1/64"},
                                          {"192.0.2.2/24", "2001:db8::2/64"}))
        << caller_.network().error();
    startServer();
  }

  void startSidecars(bool keep_source = false) {
    caller_.startSidecar(ca_, GetParam());
    server_.startSidecar(ca_, GetParam(), keep_source);
  }

  // nginx on 8080 tells what it was told; Python serves a folder on 8081; 8082 and 8083 echo.
  void startServer() {
    const std::string& path = folder_.path();
    const std::string tell =
        "server { listen 8080; listen [::]:8080; location / { default_type text/plain; return 200 "
        "\"$http_x_forwarded_client_cert|$remote_addr|$host$request_uri\"; } }";
    const std::string nginx =
        folder_.write("nginx.conf", "daemon off; pid " + path +
                                        "/pid; error_log stderr; events {}\nhttp { "
                                        "access_log off; client_body_temp_path " +
                                        path + "; proxy_temp_path " + path +
                                        "; fastcgi_temp_path " + path + "; uwsgi_temp_path " +
                                        path + "; scgi_temp_path " + path + "; " + tell + " }\n");
    folder_.write("page", page_);
    server_.start({"nginx", "-c", nginx, "-p", path, "-e", "stderr"});
    server_.start({"/usr/bin/python3", "-m", "http.server", "--directory", path, "8081"});
    const std::string echo = test::dataFile("test/e2e/echo_server.py");
    server_.start({"/usr/bin/python3", echo, "8082"});
    server_.start({"/usr/bin/python3", echo, "8083", "220 here I am"});
    for (const char* port : {"8080", "8081", "8082", "8083"}) {
      // Redirection has not begun.
      const auto accepts = [&] {
        return server_.network()
                   .run({"bash", "-c", std::string(": < /dev/tcp/127.0.0.1/") + port})
                   .code == 0;
      };
      ASSERT_TRUE(test::eventually(accepts)) << port;
    }
  }

  Finished echo(const std::string& host, const std::string& port, const std::string& bytes,
                bool greeted = false) {
    Command command = {"/usr/bin/python3", test::dataFile("test/e2e/echo_client.py"), host, port,
                       bytes};
    if (greeted) command.push_back("greeted");
    return caller_.run(command);
  }

  test::TemporaryFolder folder_;
  test::CertificateAuthority ca_{folder_};
  const std::string page_ = std::string(3 << 20, 'p');
  Host caller_{"caller", folder_};
  Host server_{"server", folder_};
};

TEST_P(SidecarTest, TheServerSeesWhoCalled) {
  startSidecars();
  const Finished answer = caller_.curl({"http://192.0.2.2:8080/path?query"});
  EXPECT_THAT(answer.out, AllOf(HasSubstr("URI=spiffe://mesh.example/caller"),
                                HasSubstr("By=spiffe://mesh.example/server"),
                                HasSubstr("|192.0.2.2/path?query")))
      << answer.err << caller_.log() << server_.log();
  // Nobody can say to be somebody else.
  EXPECT_THAT(caller_
                  .curl({"--header", "X-Forwarded-Client-Cert: URI=spiffe://mesh.example/boss",
                         "http://192.0.2.2:8080/"})
                  .out,
              AllOf(HasSubstr("URI=spiffe://mesh.example/caller"), Not(HasSubstr("boss"))));
  EXPECT_THAT(caller_.curl({"http://[2001:db8::2]:8080/"}).out,
              HasSubstr("URI=spiffe://mesh.example/caller"));
}

TEST_P(SidecarTest, AnUnmodifiedFileServerServesAnUnmodifiedClient) {
  startSidecars();
  const Finished page = caller_.curl({"http://192.0.2.2:8081/page"});
  EXPECT_EQ(page.code, 0) << page.err << caller_.log() << server_.log();
  EXPECT_TRUE(page.out == page_);
  EXPECT_EQ(caller_
                .curl({"--output", "/dev/null", "--write-out", "%{http_code}",
                       "http://192.0.2.2:8081/nothing"})
                .out,
            "404");
}

TEST_P(SidecarTest, WhatIsNotHttpGoesTheSameWay) {
  startSidecars();
  for (const char* bytes : {"1", "70000", "5000000"}) {
    EXPECT_EQ(echo(kServer, "8082", bytes).out, "same\n")
        << bytes << caller_.log() << server_.log();
  }
  EXPECT_EQ(echo("2001:db8::2", "8082", "1000").out, "same\n");
  // A server that speaks first, to a client that waits for it.
  EXPECT_EQ(echo(kServer, "8083", "1000", true).out, "220 here I am\nsame\n");
}

TEST_P(SidecarTest, NobodyWithoutACertificateIsServed) {
  startSidecars();
  // The proxy's own user is not redirected, so this goes to the server's sidecar in the clear.
  for (const char* port : {"8080", "8081", "15006"}) {
    const Finished outsider =
        caller_.curl({"http://192.0.2.2:" + std::string(port) + "/page"}, kProxy);
    EXPECT_THAT(outsider.out, Not(HasSubstr("ppp"))) << port;
    EXPECT_THAT(outsider.out, Not(HasSubstr("192.0.2.2/"))) << port;
    const Finished unknown =
        caller_.curl({"--insecure", "https://192.0.2.2:" + std::string(port) + "/page"}, kProxy);
    EXPECT_NE(unknown.code, 0) << port << unknown.out;
  }
}

TEST_P(SidecarTest, CallsToItsOwnHostStayThere) {
  startSidecars();
  for (const char* host : {"127.0.0.1", kServer, "[::1]"}) {
    const Finished answer = server_.curl({"http://" + std::string(host) + ":8080/"});
    EXPECT_THAT(answer.out, ::testing::StartsWith("|")) << host << answer.err;
  }
}

TEST_P(SidecarTest, AServerThatIsNotThereIsAnError) {
  startSidecars();
  const Finished answer =
      caller_.curl({"--output", "/dev/null", "--write-out", "%{http_code}", "http://192.0.2.2:9/"});
  EXPECT_EQ(answer.out, "503") << caller_.log() << server_.log();
  // Asked for directly, the outbound port has nowhere to go; least of all to itself.
  EXPECT_EQ(
      caller_
          .curl({"--output", "/dev/null", "--write-out", "%{http_code}", "http://192.0.2.1:15001/"},
                kProxy)
          .out,
      "503");
}

TEST_P(SidecarTest, TheServerSeesTheCallersAddressWhenAsked) {
  startSidecars(true);
  EXPECT_THAT(caller_.curl({"http://192.0.2.2:8080/"}).out, HasSubstr("|192.0.2.1|"))
      << server_.log();
  EXPECT_THAT(caller_.curl({"http://[2001:db8::2]:8080/"}).out, HasSubstr("|2001:db8::1|"));
  EXPECT_EQ(echo(kServer, "8082", "70000").out, "same\n");
  EXPECT_THAT(server_.curl({"http://192.0.2.2:8080/"}).out, HasSubstr("|192.0.2.2|"));
}

INSTANTIATE_TEST_SUITE_P(Backends, SidecarTest, ::testing::Values("nft", "iptables"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace weir
