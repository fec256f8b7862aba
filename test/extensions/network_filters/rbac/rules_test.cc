#include "extensions/network_filters/rbac/rules.h"

#include "gtest/gtest.h"

namespace weir::extensions::network_filters::rbac {
namespace {

using network::Address;
using network::Prefix;

const Address kInside = *Address::parse("10.1.2.3:4711");
const Address kOutside = *Address::parse("192.0.2.1:4711");

Facts facts() {
  Facts facts;
  facts.source = &kInside;
  facts.direct_source = &kOutside;
  facts.destination_port = 443;
  return facts;
}

TEST(RbacMatch, EmptyMatchesAll) {
  EXPECT_TRUE(Match().matches(Facts()));
  EXPECT_TRUE(Match().matches(facts()));
  Match never;
  never.invert = true;
  EXPECT_FALSE(never.matches(facts()));
}

TEST(RbacMatch, SourcesAreTheClientsOrTheSockets) {
  Match match;
  match.sources = {*Prefix::parse("172.16.0.0/12"), *Prefix::parse("10.0.0.0/8")};
  EXPECT_TRUE(match.matches(facts()));
  match.direct_sources = {*Prefix::parse("10.0.0.0/8")};
  EXPECT_FALSE(match.matches(facts()));
  match.direct_sources = {*Prefix::parse("192.0.2.1")};
  EXPECT_TRUE(match.matches(facts()));
  match.invert = true;
  EXPECT_FALSE(match.matches(facts()));
}

TEST(RbacMatch, AUnixClientIsInNoPrefix) {
  const Address path = *Address::parse("unix:/run/x");
  Facts from_unix = facts();
  from_unix.source = &path;
  Match match;
  match.sources = {*Prefix::parse("0.0.0.0/0"), *Prefix::parse("::/0")};
  EXPECT_FALSE(match.matches(from_unix));
}

TEST(RbacMatch, Ports) {
  Match match;
  match.destination_ports = {80, 443};
  EXPECT_TRUE(match.matches(facts()));
  match.destination_ports = {80};
  EXPECT_FALSE(match.matches(facts()));
}

TEST(RbacMatch, ServerNames) {
  Match match;
  match.server_names = {{"a.example", false}, {".b.example", true}};
  Facts named = facts();
  EXPECT_FALSE(match.matches(named));
  for (const char* name : {"a.example", "x.b.example", "x.y.b.example", "X.B.EXAMPLE"}) {
    named.server_name = name;
    EXPECT_TRUE(match.matches(named)) << name;
  }
  for (const char* name : {"b.example", ".b.example", "xb.example", "aa.example", "a.example.x"}) {
    named.server_name = name;
    EXPECT_FALSE(match.matches(named)) << name;
  }
}

TEST(RbacMatch, Certificates) {
  network::CertificateFacts certificate;
  certificate.subject = "CN=web,O=Example";
  certificate.sha256 = std::string(64, 'a');
  certificate.dns_names = {"web.example", "www.web.example"};
  certificate.uris = {"spiffe://example.com/web/1"};
  Match match;
  match.certificate.emplace();
  EXPECT_FALSE(match.matches(facts()));  // has none
  Facts with = facts();
  with.certificate = &certificate;
  EXPECT_TRUE(match.matches(with));
  match.certificate->uris = {{"spiffe://example.com/db", false},
                             {"spiffe://example.com/web/", true}};
  EXPECT_TRUE(match.matches(with));
  match.certificate->dns_names = {{".web.example", true}};
  EXPECT_TRUE(match.matches(with));
  match.certificate->sha256 = {std::string(64, 'b'), std::string(64, 'a')};
  EXPECT_TRUE(match.matches(with));
  match.certificate->subjects = {"CN=web,O=Example"};
  EXPECT_TRUE(match.matches(with));
  match.certificate->subjects = {"CN=web"};
  EXPECT_FALSE(match.matches(with));
  match.certificate->subjects.clear();
  match.certificate->uris = {{"spiffe://example.com/web", false}};
  EXPECT_FALSE(match.matches(with));
}

TEST(RbacRules, TheFirstThatMatchesDecides) {
  RuleList list;
  Rule deny{"deny", false, {}};
  deny.match.sources = {*Prefix::parse("10.1.0.0/16")};
  Rule allow{"allow", true, {}};
  allow.match.sources = {*Prefix::parse("10.0.0.0/8")};
  list.rules = {deny, allow};
  EXPECT_EQ(list.decide(facts()), 0u);
  EXPECT_FALSE(list.allows(0));
  list.rules = {allow, deny};
  EXPECT_EQ(list.decide(facts()), 0u);
  EXPECT_TRUE(list.allows(0));
  Facts other = facts();
  other.source = &kOutside;
  EXPECT_EQ(list.decide(other), 2u);
  EXPECT_FALSE(list.allows(2));
  list.allow_by_default = true;
  EXPECT_TRUE(list.allows(2));
  EXPECT_EQ(list.nameOf(2), "default");
}

}  // namespace
}  // namespace weir::extensions::network_filters::rbac
