// HTTP/2 origins of other makes behind Weir: nginx, HAProxy and nghttpd, with prior knowledge and
// by ALPN.

#include <signal.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/http2_programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using test::Load;
using test::ScriptedOrigin;
using test::ServedFiles;
using ::testing::HasSubstr;

constexpr char kHttp2[] = "http_protocol: HTTP_PROTOCOL_HTTP2";

class Http2OriginsTest : public ::testing::Test {
 protected:
  // Weir before an origin on port_.
  std::string configuration(const std::string& fields = kHttp2) const {
    return test::edgeListener() +
           test::cluster("origin", {"127.0.0.1:" + std::to_string(port_)}, fields) +
           test::runtime();
  }
  std::string listen(const std::string& options) const {
    return "listen 127.0.0.1:" + std::to_string(port_) + " " + options + "; ";
  }
  // Files of every size, asked for over HTTP/1 and over HTTP/2.
  void expectFiles(test::WeirProcess& weir) {
    const std::string url = "http://127.0.0.1:" + std::to_string(weir.port("edge"));
    EXPECT_EQ(files_.fetchAll(url), "1.1");
    EXPECT_EQ(files_.fetchAll(url, {test::kPriorKnowledge}), "2");
  }

  test::TemporaryFolder folder_;
  test::CertificateAuthority ca_{folder_};
  ServedFiles files_{folder_};
  uint16_t port_ = test::freePort();
};

TEST_F(Http2OriginsTest, NginxSendsFilesOfEverySize) {
  test::Nginx nginx("server { " + listen("http2") + "root " + files_.root() + "; }", {port_});
  ASSERT_TRUE(nginx.ready()) << nginx.log();
  test::WeirProcess weir(configuration());
  expectFiles(weir);
}

TEST_F(Http2OriginsTest, NginxTakesFilesOfEverySize) {
  ScriptedOrigin echo(ScriptedOrigin::echoing());
  test::Nginx nginx("server { " + listen("http2") +
                        "client_max_body_size 20m; location / { proxy_http_version 1.1; "
                        "proxy_pass http://" +
                        echo.address() + "; } }",
                    {port_});
  ASSERT_TRUE(nginx.ready()) << nginx.log();
  test::WeirProcess weir(configuration());
  for (const size_t size : ServedFiles::sizes()) {
    const std::string sent = files_.root() + "/" + ServedFiles::name(size);
    const Finished finished =
        test::curl({size % 2 == 0 ? "--http1.1" : test::kPriorKnowledge, "--data-binary",
                    "@" + sent, "--output", folder_.file("echo"), weir.url("edge")});
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_TRUE(test::readFile(folder_.file("echo")).ends_with(ServedFiles::content(size))) << size;
  }
}

TEST_F(Http2OriginsTest, WhatNginxChoosesByAlpnIsSpoken) {
  const auto pair = ca_.issue("origin", "DNS:origin.weir.example");
  for (const bool http2 : {true, false}) {
    port_ = test::freePort();
    test::Nginx nginx("server { " + listen(http2 ? "ssl http2" : "ssl") + "ssl_certificate " +
                          pair.certificate + "; ssl_certificate_key " + pair.key + "; root " +
                          files_.root() +
                          "; location = /version { return 200 $server_protocol; } }",
                      {port_});
    ASSERT_TRUE(nginx.ready()) << nginx.log();
    test::WeirProcess weir(
        configuration("http_protocol: HTTP_PROTOCOL_AUTO transport_socket { config { "
                      "[transport_sockets/upstream_tls] { ca_files: \"" +
                      ca_.file() + "\" server_name: \"origin.weir.example\" } } }"));
    ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
    EXPECT_EQ(test::curl({weir.url("edge", "/version")}).out, http2 ? "HTTP/2.0" : "HTTP/1.1");
    expectFiles(weir);
  }
}

// nginx ends each connection with GOAWAY after ten requests: no request may notice.
TEST_F(Http2OriginsTest, GoawayOfNginxUnderLoadFailsNoRequest) {
  test::Nginx nginx(
      "keepalive_requests 10; server { " + listen("http2") + "root " + files_.root() + "; }",
      {port_});
  ASSERT_TRUE(nginx.ready()) << nginx.log();
  test::WeirProcess weir(configuration());
  for (const char* file : {"/f1", "/f65536"}) {
    const Load load = test::load({"-n", "3000", "-c", "4", "-m", "25"}, weir.url("edge", file));
    EXPECT_EQ(load.succeeded, 3000) << load.text << weir.process().err();
    EXPECT_EQ(load.status_2xx, 3000) << load.text;
  }
}

// A reload ends nginx's worker and its connections, each when its requests are answered.
TEST_F(Http2OriginsTest, ReloadsOfNginxUnderLoadFailNoRequest) {
  test::Nginx nginx("server { " + listen("http2") + "root " + files_.root() + "; }", {port_});
  ASSERT_TRUE(nginx.ready()) << nginx.log();
  test::WeirProcess weir(configuration());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  constexpr int kRequests = 30'000;
  test::ChildProcess h2load(test::loadCommand(
      {"-n", std::to_string(kRequests), "-c", "4", "-m", "25"}, weir.url("edge", "/f1023")));
  for (int reload = 1; reload <= 3; ++reload) {
    const int64_t begun = reload * kRequests / 5;
    ASSERT_TRUE(test::eventually(
        [&] { return weir.stat("http_requests_total", "edge") > begun || !h2load.running(); }));
    nginx.process().signal(SIGHUP);
  }
  EXPECT_EQ(h2load.wait(std::chrono::seconds(60)), 0);
  const Load load = test::readLoad(h2load.out());
  EXPECT_EQ(load.status_2xx, kRequests) << load.text << weir.process().err();
  EXPECT_GT(weir.stat("http2_goaways_received_total", "origin"), 0);
}

TEST_F(Http2OriginsTest, HaproxyAsAnOrigin) {
  const uint16_t behind = test::freePort();
  test::Nginx nginx(
      "server { listen 127.0.0.1:" + std::to_string(behind) + "; root " + files_.root() + "; }",
      {behind});
  test::Haproxy haproxy("listen origin\n  bind 127.0.0.1:" + std::to_string(port_) +
                            " proto h2\n  server nginx 127.0.0.1:" + std::to_string(behind) + "\n",
                        port_);
  ASSERT_TRUE(nginx.ready()) << nginx.log();
  ASSERT_TRUE(haproxy.ready()) << haproxy.log();
  test::WeirProcess weir(configuration());
  expectFiles(weir);
  const Load load = test::load({"-n", "2000", "-c", "4", "-m", "50"}, weir.url("edge", "/f1023"));
  EXPECT_EQ(load.succeeded, 2000) << load.text;
  EXPECT_EQ(load.status_2xx, 2000) << load.text;
}

TEST_F(Http2OriginsTest, NghttpdSendsFilesAndTrailers) {
  test::ChildProcess nghttpd({"nghttpd", "--verbose", "--no-tls", "--address=127.0.0.1",
                              "--trailer=x-end: yes", "--htdocs=" + files_.root(),
                              std::to_string(port_)});
  ASSERT_TRUE(test::accepts(port_, nghttpd)) << nghttpd.err();
  test::WeirProcess weir(configuration());
  expectFiles(weir);
  const Finished finished =
      test::runToEnd({"nghttp", "--verbose", "--data", files_.root() + "/f1023",
                      "--trailer=x-check: 7", weir.url("edge", "/" + ServedFiles::name(65'536))});
  EXPECT_THAT(finished.out, HasSubstr("x-end: yes"));
  EXPECT_THAT(nghttpd.out(), HasSubstr("x-check: 7"));
  const Load load = test::load({"-n", "2000", "-c", "2", "-m", "100"}, weir.url("edge", "/f1023"));
  EXPECT_EQ(load.succeeded, 2000) << load.text;
}

TEST_F(Http2OriginsTest, SmallWindowsAndPaddingOfTheOriginDoNotMatter) {
  test::ChildProcess nghttpd({"nghttpd", "--no-tls", "--address=127.0.0.1", "--echo-upload",
                              "--window-bits=10", "--connection-window-bits=16", "--padding=255",
                              "--htdocs=" + files_.root(), std::to_string(port_)});
  ASSERT_TRUE(test::accepts(port_, nghttpd)) << nghttpd.err();
  test::WeirProcess weir(configuration());
  expectFiles(weir);
  for (const size_t size : {size_t{1}, size_t{65'535}, size_t{3'333'333}}) {
    const std::string file = files_.root() + "/" + ServedFiles::name(size);
    for (const char* version : {"--http1.1", test::kPriorKnowledge}) {
      const Finished finished = test::curl({version, "--data-binary", "@" + file, "--output",
                                            folder_.file("echo"), weir.url("edge", "/")});
      EXPECT_EQ(finished.code, 0) << finished.err;
      EXPECT_TRUE(test::readFile(folder_.file("echo")) == ServedFiles::content(size)) << size;
    }
  }
}

}  // namespace
}  // namespace weir
