// testssl.sh against a listener with the defaults: nothing above its lowest grade of weakness.
// docs/testssl.txt has what it says in full.

#include <cstdlib>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

// What it expects of an application's answers, which Weir passes on as they are.
constexpr char kAnswer[] =
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Content-Type-Options: nosniff\r\n"
    "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nX-Frame-Options: DENY\r\n"
    "Content-Security-Policy: default-src 'self'\r\n\r\n";

std::string configuration(test::CertificateAuthority& ca, const std::string& origin) {
  std::string certificates;
  for (const bool rsa : {false, true}) {
    const auto pair = ca.issue(rsa ? "rsa" : "ec", "DNS:localhost", rsa, 90,
                               {"authorityInfoAccess=OCSP;URI:http://ca.weir.example/ocsp"});
    certificates += "certificates { certificate_file: \"" + pair.certificate +
                    "\" private_key_file: \"" + pair.key + "\" }\n";
  }
  return R"(listeners { name: "tls" address: "127.0.0.1:0" filter_chains {
  filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { route { cluster: "origin" } } } } } }
  transport_socket { config { [transport_sockets/tls] { )" +
         certificates + "} } } } }\n" + test::cluster("origin", {origin}) + test::runtime();
}

// The lines of its JSON report that are worse than "LOW".
std::vector<std::string> weaknesses(const std::string& report) {
  std::vector<std::string> found;
  for (const char* severity : {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}) {
    const std::string text = "\"severity\"     : \"" + std::string(severity) + "\"";
    for (size_t at = 0; (at = report.find(text, at)) != std::string::npos; at += text.size()) {
      const size_t start = report.rfind('{', at);
      found.push_back(report.substr(start, report.find('}', at) - start));
    }
  }
  return found;
}

TEST(Testssl, FindsNothingAboveItsLowestGrade) {
  const test::TemporaryFolder folder;
  test::CertificateAuthority ca(folder);
  test::ScriptedOrigin origin(test::ScriptedOrigin::answering(kAnswer));
  test::WeirProcess weir(configuration(ca, origin.address()));
  ASSERT_NE(weir.port("tls"), 0) << weir.process().err();
  const std::string report = folder.file("report.json");
  // All of it takes minutes: protocols and kinds of ciphers only, unless the run may be long.
  const bool all = std::getenv("WEIR_LONG") != nullptr;
  std::vector<std::string> command = {"testssl",    "--quiet", "--color",    "0",
                                      "--warnings", "batch",   "--ip",       "127.0.0.1",
                                      "--add-ca",   ca.file(), "--jsonfile", report};
  if (!all) command.insert(command.end(), {"--protocols", "--std"});
  command.push_back("localhost:" + std::to_string(weir.port("tls")));
  const test::Finished finished = test::runToEnd(command, std::chrono::minutes(all ? 14 : 4));
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  const std::string findings = test::readFile(report);
  EXPECT_THAT(findings, ::testing::HasSubstr("\"TLS1_3\""));
  EXPECT_THAT(weaknesses(findings), ::testing::IsEmpty());
}

}  // namespace
}  // namespace weir
