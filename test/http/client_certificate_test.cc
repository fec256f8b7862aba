#include "source/http/client_certificate.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

using Mode = ClientCertificateHeader::Mode;

// What a TLS connection would tell. Worker-confined.
class FakeSecurity final : public network::SecurityInfo {
 public:
  std::string_view tlsVersion() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view requestedServerName() const override { return "web.example"; }
  const network::CertificateFacts* peerCertificate() const override {
    return shown ? &peer : nullptr;
  }
  bool peerVerified() const override { return verified; }
  const network::CertificateFacts* localCertificate() const override { return &own; }

  network::CertificateFacts peer;
  network::CertificateFacts own;
  bool shown = true;
  bool verified = true;
};

struct ClientCertificateTest : ::testing::Test {
  ClientCertificateTest() {
    security.peer.sha256 = "ab12";
    security.peer.subject = "CN=client,O=\"A, B\"";
    security.peer.uris = {"spiffe://example.org/client"};
    security.peer.dns_names = {"client.example", "c2.example"};
    security.peer.pem = "-----BEGIN-----\nA+/=\n";
    security.own.uris = {"spiffe://example.org/proxy"};
  }
  // The field after `mode`, or "-" when it is absent; `came` empty: none came.
  std::string after(Mode mode, std::string_view came, const network::SecurityInfo* from) {
    head.headers.clear();
    if (!came.empty()) head.headers.add("X-Forwarded-Client-Cert", came);
    options.mode = mode;
    applyClientCertificate(options, head, from);
    if (!head.headers.has(HeaderId::kXForwardedClientCert)) return "-";
    std::string all;
    for (const auto& field : head.headers.fields()) {
      if (!field.removed) all.append(all.empty() ? "" : " | ").append(field.value);
    }
    return all;
  }

  ClientCertificateHeader options;
  RequestHead head;
  FakeSecurity security;
  const std::string own = "By=spiffe://example.org/proxy;Hash=ab12;URI=spiffe://example.org/client";
};

TEST_F(ClientCertificateTest, ModesWithAVerifiedCertificate) {
  EXPECT_EQ(after(Mode::kSanitize, "Hash=1", &security), "-");
  EXPECT_EQ(after(Mode::kForwardOnly, "Hash=1", &security), "Hash=1");
  EXPECT_EQ(after(Mode::kForwardOnly, "", &security), "-");
  EXPECT_EQ(after(Mode::kAppendForward, "Hash=1", &security), "Hash=1 | " + own);
  EXPECT_EQ(after(Mode::kAppendForward, "", &security), own);
  EXPECT_EQ(after(Mode::kSanitizeSet, "Hash=1", &security), own);
  EXPECT_EQ(after(Mode::kAlwaysForwardOnly, "Hash=1", &security), "Hash=1");
}

TEST_F(ClientCertificateTest, WithoutAVerifiedCertificateOnlyOneModeKeepsTheField) {
  FakeSecurity unverified;
  unverified.verified = false;
  FakeSecurity none;
  none.shown = false;
  for (const network::SecurityInfo* from : {static_cast<const network::SecurityInfo*>(nullptr),
                                            static_cast<const network::SecurityInfo*>(&unverified),
                                            static_cast<const network::SecurityInfo*>(&none)}) {
    for (const Mode mode :
         {Mode::kSanitize, Mode::kForwardOnly, Mode::kAppendForward, Mode::kSanitizeSet}) {
      EXPECT_EQ(after(mode, "Hash=forged", from), "-");
    }
    EXPECT_EQ(after(Mode::kAlwaysForwardOnly, "Hash=1", from), "Hash=1");
  }
}

TEST_F(ClientCertificateTest, EveryLineThatCameGoes) {
  head.headers.add("x-forwarded-client-cert", "Hash=1");
  head.headers.add("X-FORWARDED-CLIENT-CERT", "Hash=2");
  applyClientCertificate(options, head, nullptr);
  EXPECT_EQ(head.headers.size(), 0u);
}

TEST_F(ClientCertificateTest, PartsOfAnElement) {
  options.subject = options.dns = options.certificate = true;
  options.uri = false;
  EXPECT_EQ(after(Mode::kSanitizeSet, "", &security),
            "By=spiffe://example.org/proxy;Hash=ab12;"
            "Cert=-----BEGIN-----%0AA%2B%2F%3D%0A;"
            "Subject=\"CN=client,O=\\\"A, B\\\"\";DNS=client.example;DNS=c2.example");
}

TEST_F(ClientCertificateTest, WhatACertificateSaysCannotForgeElements) {
  security.peer.uris = {"spiffe://a,By=b;Hash=\"c\"\r\nX: y"};
  EXPECT_EQ(after(Mode::kSanitizeSet, "", &security),
            "By=spiffe://example.org/proxy;Hash=ab12;"
            "URI=\"spiffe://a,By=b;Hash=\\\"c\\\"??X: y\"");
}

}  // namespace
}  // namespace weir::http
